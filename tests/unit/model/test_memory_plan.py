"""What a model takes in memory, known before it is loaded; and what is said where it does not fit."""

import re

import pytest

from antiphon_server.codec.sizes import CodecSizes
from antiphon_server.errors import InvalidField
from antiphon_server.model.available_memory import available_bytes
from antiphon_server.model.headers import Stored
from antiphon_server.model.higgs_config import HiggsConfig
from antiphon_server.model.layout import DUPLICATES, checkpoint_shapes
from antiphon_server.model.memory_plan import memory_plan

GB = 1_000_000_000


def plan(*, dtype="bfloat16", num_blocks=2048):
    """Plan for the published sizes; headers are all it looks at."""
    shapes = checkpoint_shapes(HiggsConfig(), CodecSizes()) | dict.fromkeys(DUPLICATES, (8208, 2560))
    tensors = {name: Stored(None, shape, "BF16") for name, shape in shapes.items()}
    return memory_plan(
        HiggsConfig(), CodecSizes(), tensors, dtype=dtype, num_blocks=num_blocks, max_concurrent_calls=16
    )


def test_the_published_model_takes_what_its_parameters_say():
    found = plan()
    assert found.weights["embeddings"] == (388_956_160 + 21_012_480) * 2
    assert found.weights["backbone"] == 3_633_511_936 * 2
    assert found.weights["codec, in fp32"] == 201_401_321 * 4
    assert found.cache == 2048 * 16 * 147_456
    wide = plan(dtype="float32")
    assert (wide.weights["backbone"], wide.cache) == (found.weights["backbone"] * 2, found.cache * 2)
    assert wide.weights["codec, in fp32"] == found.weights["codec, in fp32"]


def test_streams_are_counted_in_whole_blocks():
    assert plan(num_blocks=1023).num_streams(8192) == 1
    assert plan(num_blocks=1024).num_streams(8192) == 2
    assert plan(num_blocks=10).num_streams(17) == 5


def test_every_part_is_laid_out_and_the_sum_is_what_is_checked():
    lines = list(plan().lines(20 * GB))
    parts = [float(found[1]) for line in lines if (found := re.search(r"([0-9.]+) GB", line))]
    assert sum(parts[:5]) == pytest.approx(parts[5], abs=0.03)
    assert parts[5] == pytest.approx(plan().fixed / GB, abs=0.01)
    assert "unknown here" in "\n".join(plan().lines(None))


@pytest.mark.parametrize(
    ("dtype", "available_gb", "advice"),
    [
        ("bfloat16", 12, r"set num_blocks to (\d+) or less, not 2048"),
        ("float32", 20, r"set num_blocks to (\d+) or less, not 2048"),
        ("float32", 16, r'set dtype to "bfloat16"'),
        ("bfloat16", 8, r"stop what else uses memory"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_change(dtype, available_gb, advice):
    found = plan(dtype=dtype)
    with pytest.raises(InvalidField, match=advice) as caught:
        found.check(available_gb * GB)
    assert f"{found.fixed / GB:.2f} GB of memory, and {available_gb}.00 GB are available" in caught.value.message
    if advised := re.search(r"num_blocks to (\d+)", caught.value.message):
        plan(dtype=dtype, num_blocks=int(advised[1])).check(available_gb * GB)
        with pytest.raises(InvalidField):
            plan(dtype=dtype, num_blocks=int(advised[1]) + 1).check(available_gb * GB)


def test_what_fits_or_cannot_be_known_is_not_refused():
    plan().check(None)
    plan().check(plan().fixed)
    assert "may not" in plan().remark(plan().fixed)
    assert plan().remark(100 * GB) == ""
    assert plan().remark(None) == ""


@pytest.fixture
def machine(tmp_path):
    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write("proc/meminfo", "MemTotal:  9000000 kB\nMemAvailable:   8000000 kB\n")
    return tmp_path, write


def test_what_the_system_calls_available_is_available(machine):
    root, _ = machine
    assert available_bytes(root) == 8_000_000 * 1024
    assert available_bytes(root / "nowhere") is None
    assert available_bytes() is None or available_bytes() > 0


def test_a_containers_limit_counts_less_what_its_files_can_give_back(machine):
    root, write = machine
    write("proc/self/cgroup", "0::/box/inner\n")
    write("sys/fs/cgroup/box/memory.max", "3000000000\n")
    write("sys/fs/cgroup/box/memory.current", "1000000000\n")
    write("sys/fs/cgroup/box/memory.stat", "anon 600000000\ninactive_file 400000000\n")
    write("sys/fs/cgroup/box/inner/memory.max", "max\n")
    write("sys/fs/cgroup/box/inner/memory.current", "1000000000\n")
    assert available_bytes(root) == 2_400_000_000


def test_a_limit_of_the_older_kind_counts_and_its_number_for_none_does_not(machine):
    root, write = machine
    write("proc/self/cgroup", "4:memory:/box\n0::/\n")
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    write("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n")
    assert available_bytes(root) == 8_000_000 * 1024
    write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "2000000000\n")
    write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "500000000\n")
    assert available_bytes(root) == 1_500_000_000


def test_what_ran_out_all_the_same_is_told_a_number_that_would_do():
    assert "with num_blocks = 2048: set it to 1638 or less" in plan().shortage(None)
    assert "set it to 64 or less" in plan().shortage(12_000_000_000)


@pytest.mark.parametrize(("free_gb", "num_blocks"), [(None, 8192), (141, 8192), (20, 2314), (1, 64)])
def test_a_gpu_is_filled_up_to_what_all_calls_can_use(free_gb, num_blocks):
    found = plan().filling(free_gb and free_gb * 10**9)
    assert found.num_blocks == num_blocks
    assert found.num_blocks == 64 or free_gb is None or found.fixed + found.at_work <= free_gb * 10**9
