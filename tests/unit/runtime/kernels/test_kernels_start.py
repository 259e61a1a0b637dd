"""What Triton's front end makes of a runner's launches on a machine without a GPU: it compiles, and launches nothing.

What is compiled while calls wait, or inside a capture, would be late or break it: warm-up has to have asked for it.
"""

import pytest
import torch
from triton.runtime.driver import driver
from triton.runtime.jit import JITFunction

from antiphon_server.codec.channels_last import ChannelsLastDecoder
from antiphon_server.engine.runner import DecodePart, Draw, PrefillPart, WindowPart
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.make import SIZES
from antiphon_server.runtime.cuda.codec_step import WindowShape
from antiphon_server.runtime.cuda.graph_runner import GraphRunner, GraphSettings
from antiphon_server.runtime.cuda.prefill_step import PrefillShape
from antiphon_server.runtime.kernels.choice import choose
from support.compiled import HOPPER

TINY = SIZES["tiny"]


class NoDriver:
    """Says that there is a Hopper, and has none."""

    def get_current_target(self):
        return HOPPER

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


@pytest.fixture
def binaries(monkeypatch, tmp_path) -> set:
    """Collects the binaries that launches ask for, by their kernel and what it was specialised on."""
    found, run = set(), JITFunction.run

    def compile_only(kernel, *args, grid, warmup, **named):
        del warmup
        found.add((kernel.__name__, run(kernel, *args, grid=grid, warmup=True, **named).hash))

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(JITFunction, "run", compile_only)
    monkeypatch.setattr(driver, "_active", NoDriver())
    return found


def test_no_call_asks_for_a_kernel_that_the_warm_up_has_not_compiled(binaries):
    runner = GraphRunner(
        *parts(), choose(is_triton=True), GraphSettings(num_blocks=64, max_sequences=2, is_eager=True, buckets=(2,))
    )
    runner.capture()
    runner.graphs.replay(2)
    runner._new_prefill(PrefillShape(16, 512), depth=1).step.run()
    runner.codec_graphs.replay(WindowShape(45, 1))
    warmed_up = set(binaries)
    assert {name for name, _ in warmed_up} == {
        "add_norm_kernel",
        "advance_kernel",
        "attend_split_kernel",
        "combine_splits_kernel",
        "draw_kernel",
        "embed_rows_kernel",
        "gate_kernel",
        "rotate_and_store_kernel",
        "snake_kernel",
    }

    runner.begin(1, Draw(seed=7, temperature=0.5, top_k=1, top_p=0.9))
    for first, end in ((0, 1), (1, 16), (16, 616)):  # the last one has no graph
        runner.prefill(PrefillPart(1, list(range(first, end)), first, list(range(40)), is_last=end == 616))
    runner.launch([DecodePart(1, 617, list(range(40)))])
    runner.launch_windows([WindowPart([(1,) * 8] * (7 + num_frames), 0, 0) for num_frames in (1, 3, 13)])
    assert binaries == warmed_up


def parts():
    """A model and a codec of zeros."""
    backbone = Backbone(TINY.backbone)
    for _, tensor in backbone.named():
        tensor.zero_()
    weights = {name: torch.zeros(shape) for name, shape in TINY.codec.shapes().items()}
    return backbone, ChannelsLastDecoder(weights, device="cpu", snake=choose(is_triton=True).snake)
