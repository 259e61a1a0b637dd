"""Every kernel compiled for an H100 or H200 at the sizes of the 4B model, on a machine without a GPU."""

import importlib

import pytest
import torch
import triton
import triton.language as tl

from antiphon_server.model.higgs_config import CODE_VOCABULARY, CONTEXT_POSITIONS, NUM_CODEBOOKS, HiggsConfig
from antiphon_server.runtime.kernels import config
from antiphon_server.runtime.kernels.likeliest_twin import piece_shape
from antiphon_server.runtime.kernels.paged_attention_twin import partial_shapes
from antiphon_server.runtime.sampler import SamplerState
from support.compiled import Launch, compiled, recorded

MODEL = HiggsConfig()
SHARED_BYTES = 227 * 1024
"""What one block of an H100 or H200 may have."""
STACK_BYTES = {"snake": 32}
"""No spill: a sine of a large number keeps the digits of 2/pi there that it needs."""
BLOCK_SIZE, NUM_SLOTS, CACHE_SLOTS = 16, 128, 1 << 16
BATCHES = (1, 2, 4, 8, 16, 32, 64)


def empty(*shape, dtype=torch.bfloat16):
    """A tensor without content."""
    return torch.empty(shape, dtype=dtype, device="meta")


def cache(dtype=torch.bfloat16):
    return tuple(empty(CACHE_SLOTS, MODEL.num_kv_heads, MODEL.head_dim, dtype=dtype) for _ in range(2))


def add_norm_args(batch):
    hidden = empty(batch, MODEL.hidden_size)
    return hidden, empty(batch, MODEL.hidden_size), empty(MODEL.hidden_size), 1e-6, torch.empty_like(hidden)


def first_norm_args(batch):
    hidden, _, *rest = add_norm_args(batch)
    return hidden, None, *rest


def rotate_and_store_args(batch):
    heads = MODEL.num_heads + 2 * MODEL.num_kv_heads
    return (
        empty(batch, heads * MODEL.head_dim),
        (empty(MODEL.head_dim), empty(MODEL.head_dim)),
        1e-6,
        tuple(empty(CONTEXT_POSITIONS, MODEL.head_dim, dtype=torch.float32) for _ in range(2)),
        empty(batch, dtype=torch.int64),
        empty(batch, dtype=torch.int64),
        empty(batch, MODEL.num_heads, MODEL.head_dim),
        cache(),
    )


def paged_attention_args(batch, dtype=torch.bfloat16):
    itemsize = dtype.itemsize
    shapes = partial_shapes(batch, MODEL.num_heads, MODEL.head_dim, CONTEXT_POSITIONS, itemsize=itemsize)
    heads = empty(batch, MODEL.num_heads, MODEL.head_dim, dtype=dtype)
    return (
        heads,
        cache(dtype),
        BLOCK_SIZE,
        empty(batch, CONTEXT_POSITIONS // BLOCK_SIZE, dtype=torch.int32),
        empty(batch, dtype=torch.int32),
        tuple(empty(*shape, dtype=torch.float32) for shape in shapes),
        torch.empty_like(heads),
    )


def embed_rows_args(batch):
    return (
        empty(NUM_SLOTS, NUM_CODEBOOKS, dtype=torch.int64),
        empty(batch, dtype=torch.int64),
        empty(NUM_CODEBOOKS * CODE_VOCABULARY, MODEL.hidden_size),
        empty(batch, MODEL.hidden_size),
    )


def gate_args(batch):
    return empty(batch, 2 * MODEL.intermediate_size), empty(batch, MODEL.intermediate_size)


def snake_args(batch):
    x = empty(batch, 1024, 1, 45, dtype=torch.float32)
    return x, empty(1024, dtype=torch.float32), x


def sample_args(batch):
    return (
        SamplerState(NUM_SLOTS, "meta"),
        empty(batch, dtype=torch.int64),
        empty(batch, NUM_CODEBOOKS, CODE_VOCABULARY),
        empty(batch, NUM_CODEBOOKS, dtype=torch.int64),
        empty(batch, NUM_CODEBOOKS, dtype=torch.int64),
    )


def likeliest_args(batch):
    return (
        empty(batch, MODEL.vocabulary),
        empty(batch, dtype=torch.int64),
        empty(*piece_shape(batch, MODEL.vocabulary), dtype=torch.float32),
        empty(NUM_SLOTS, dtype=torch.int64),
        empty(batch, 2, dtype=torch.int64),
    )


STEP = [
    ("add_norm", add_norm_args),
    ("add_norm", first_norm_args),
    ("rotate_and_store", rotate_and_store_args),
    ("paged_attention", paged_attention_args),
    ("embed_rows", embed_rows_args),
    ("gate", gate_args),
    ("sample", sample_args),
    ("likeliest", likeliest_args),
]
KERNELS = [*STEP, ("snake", snake_args)]


def launches(name, args):
    return recorded(importlib.import_module(f"antiphon_server.runtime.kernels.{name}"), *args)


@pytest.fixture(autouse=True)
def no_old_binaries(monkeypatch, tmp_path):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


@pytest.mark.parametrize(("name", "args"), KERNELS, ids=lambda value: getattr(value, "__name__", value))
def test_it_compiles_without_spilling_and_fits_the_shared_memory(name, args, tmp_path):
    for launch in launches(name, args(16)):
        binary = compiled(launch, tmp_path)
        assert binary.stack_bytes == STACK_BYTES.get(name, 0), (launch.kernel.__name__, binary)
        assert binary.shared_bytes <= SHARED_BYTES, (launch.kernel.__name__, binary)
        assert 0 < binary.registers < 255, (launch.kernel.__name__, binary)


def test_attention_of_a_model_in_fp32_fits_too(tmp_path):
    """Its pieces are shorter: 256 positions of 128 values in fp32 are more than the shared memory."""
    split, combine = (compiled(launch, tmp_path) for launch in launches("paged_attention", fp32_attention_args()))
    assert split.stack_bytes == combine.stack_bytes == 0
    assert split.shared_bytes <= SHARED_BYTES


def fp32_attention_args():
    return paged_attention_args(16, torch.float32)


@pytest.mark.parametrize(("name", "args"), STEP, ids=lambda value: getattr(value, "__name__", value))
def test_a_larger_batch_changes_the_grid_only(name, args):
    """Except how splits are dealt to programs, which no result depends on."""
    for found in zip(*(launches(name, args(batch)) for batch in BATCHES), strict=True):
        assert [launch.grid[0] for launch in found] == list(BATCHES)
        assert len({constants(launch) for launch in found}) == 1


def constants(launch: Launch) -> str:
    kept = {name: value for name, value in launch.given.items() if not isinstance(value, torch.Tensor)}
    return str(sorted((kept | launch.options | {"PROGRAMS": 0}).items()))


def test_spilled_registers_would_be_seen(tmp_path):
    """64 values a thread that are all needed twice, in 32 registers."""
    launch = Launch(crowded, (1,), {"source": empty(2048)}, {"num_warps": 1, "maxnreg": 32})
    assert compiled(launch, tmp_path).stack_bytes > 0


@triton.jit
def crowded(source):
    places = tl.arange(0, 2048)
    values = tl.load(source + places).to(tl.float32)
    tl.store(source + places, tl.exp(values - tl.sum(values)).to(tl.bfloat16))


def test_a_row_that_no_line_of_the_table_covers_is_refused():
    with pytest.raises(ValueError, match="at most 8192, not 8193"):
        config.add_norm(8193)
