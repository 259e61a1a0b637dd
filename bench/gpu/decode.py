"""The decode step of each bucket, as a graph: its time against the least bytes it has to move, and the host's part."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch

from antiphon_server.engine.runner import Draw
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.qwen3 import Qwen3
from antiphon_server.runtime.cuda.codes import Codes
from antiphon_server.runtime.cuda.decode_step import DecodeStep
from antiphon_server.runtime.cuda.graph_runner import INVARIANT_ROWS, GraphRunner
from antiphon_server.runtime.cuda.modality import Modality
from antiphon_server.runtime.cuda.state import SlotState
from antiphon_server.runtime.paged_kv import PagedKV
from bench.gpu.bandwidth import read_bandwidth
from bench.gpu.generation import Wanted, decode_parts, start
from bench.gpu.machine import gpu_now
from bench.gpu.model import (
    BLOCK_SIZE,
    MODES,
    NUM_CODES,
    make_backbone,
    make_decoder,
    make_kernels,
    make_prompt,
    make_runner,
    noise,
    record_captures,
    step_bytes,
)
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.timing import Replays, wait_for

STEP = "decode step"
_HOST_BUCKETS = (1, 16, 64)


def measure(setting: Setting, record: Record) -> None:
    """Time every bucket in both modes and then again, and what the host does for a step."""
    model = make_backbone(setting, torch.bfloat16)
    measure_steps(setting, record, speaking_steps(setting, model), setting.scale.buckets)
    _host(setting, record, model)


def speaking_steps(setting: Setting, model: Backbone) -> "Steps":
    """Make the steps of speech, whose last rows are noise."""
    codes = Codes(model, make_kernels(setting.device), 2 * max(setting.scale.buckets))
    codes.sampler.last_rows.random_(0, NUM_CODES, generator=noise("rows", setting.seed, setting.device))
    return Steps(setting, model, codes, max_positions=most_positions(setting, model))


def most_positions(setting: Setting, model: Qwen3) -> int:
    """Positions of one sequence, as a runner of this run has them."""
    return min(model.num_positions, setting.scale.num_blocks * BLOCK_SIZE)


def measure_steps(
    setting: Setting, record: Record, steps: "Steps", buckets: Sequence[int], *, frame_s: float | None = 0.04
) -> None:
    """Time every bucket in both modes and then again; ``frame_s`` is what a row is worth in seconds of speech."""
    speed = read_bandwidth(setting)
    record.figure("read bandwidth beside the steps", [speed / 1e12], "TB/s")
    record.fact(kernels=steps.kernels.add_norm.__module__, context=setting.scale.context)
    for bucket in buckets:
        times = {is_invariant: steps.times(bucket, is_invariant=is_invariant) for is_invariant in (True, False)}
        for is_invariant, own in times.items():
            _record(record, steps, own, {"mode": MODES[is_invariant], "bucket": bucket}, speed, frame_s)
        again = statistics.median(steps.again(bucket, is_invariant=True))
        invariant, fast = (statistics.median(own) for own in times.values())
        record.figure("cost of batch_invariant", [(invariant / fast - 1) * 100], "%", of={"bucket": bucket})
        change = (again / invariant - 1) * 100
        record.figure("decode step, A/A", [change], "%", of={"bucket": bucket}, again_ms=again)
    record.fact(clocks_at_work=gpu_now() if setting.device == "cuda" else {})


def _record(
    record: Record, steps: "Steps", times: list[float], of: dict[str, Any], speed: float, frame_s: float | None
) -> None:
    bucket = of["bucket"]
    num_bytes = steps.num_bytes(bucket)
    limit_ms = num_bytes / speed * 1000
    median = statistics.median(times)
    more = {} if frame_s is None else {"audio_s_per_s": bucket * frame_s / (median / 1000)}
    record.figure(STEP, times, "ms", of=of, bytes=num_bytes, limit_ms=limit_ms, of_read_limit=limit_ms / median, **more)


class Steps:
    """Decode steps on a cache of noise, without the runner around them."""

    def __init__(self, setting: Setting, model: Qwen3, modality: Modality, *, max_positions: int) -> None:
        """Fill cache and state: every slot holds as many positions as makes the average of a timing the context.

        Args:
            setting: Of the run.
            model: The weights.
            modality: What it reads and writes, with twice as many slots as the largest bucket.
            max_positions: Of one sequence, as the runner's tables have it.
        """
        scale, self._num = setting.scale, setting.scale.replays
        self.kernels, self._model, self._modality = make_kernels(setting.device), model, modality
        self._context = scale.context
        most = max(scale.buckets)
        # Warm-up, first timing and the one after it, each a row longer per replay.
        per_slot = -(-(scale.context + 2 * self._num) // BLOCK_SIZE)
        self._cache = PagedKV(
            model.config,
            num_blocks=most * per_slot + most,
            block_size=BLOCK_SIZE,
            dtype=model.dtype,
            device=model.device,
        )
        self._cache.store.normal_(generator=noise("cache", setting.seed, setting.device))
        max_blocks = max_positions // BLOCK_SIZE
        self._state = SlotState(most, most, max_blocks, first_scratch_block=most * per_slot, device=model.device)
        for slot in range(most):
            self._state.begin(slot)
            self._modality.begin(slot, Draw(seed=slot, top_k=50))
            blocks = torch.arange(slot * per_slot, (slot + 1) * per_slot, dtype=torch.int32)
            self._state.tables[slot, :per_slot] = blocks.to(model.device)
        self.replays, self._most = Replays(setting.device), most
        self._steps: dict[tuple[bool, int], DecodeStep] = {}

    def num_bytes(self, bucket: int) -> float:
        """Least bytes of a step at the average context."""
        return step_bytes(self._model, bucket, self._context)

    def times(self, bucket: int, *, is_invariant: bool) -> list[float]:
        """Capture a bucket's step, and time it."""
        rows = INVARIANT_ROWS if is_invariant else bucket
        shared = self._model, self._cache, self._state, self.kernels, self._modality
        step = DecodeStep(*shared, bucket=bucket, num_product_rows=max(rows, bucket))
        step.slots.copy_(torch.arange(bucket))
        self._steps[is_invariant, bucket] = step
        wait_for(self.replays.device.type)  # what the default stream is still filling
        self._reset()
        self.replays.graphs.capture((is_invariant, bucket), step.run)
        return self.again(bucket, is_invariant=is_invariant)

    def again(self, bucket: int, *, is_invariant: bool) -> list[float]:
        """Time a step that is captured, from the same context on."""
        key = (is_invariant, bucket)
        self._reset()
        self.replays.again(key, max(1, self._num // 10))
        self._reset()
        return self.replays.again(key, self._num)

    def _reset(self) -> None:
        with self.replays.lane.entered():
            self._state.lengths[: self._most] = max(1, self._context - self._num // 2)
            if isinstance(self._modality, Codes):
                self._modality.sampler.is_done[: self._most] = False


def _host(setting: Setting, record: Record, model: Backbone) -> None:
    """Time steps through the runner: how long the host works on each, and how long each takes in all."""
    runner = make_runner(setting, model, make_decoder(setting))
    record_captures(record, runner.graphs, runner.codec_graphs)
    for bucket in [size for size in setting.scale.buckets if size in _HOST_BUCKETS]:
        wanted = [Wanted(make_prompt(setting, slot), Draw(seed=slot, top_k=50)) for slot in range(bucket)]
        launches, turns = _turns(runner, wanted, setting.scale.replays)
        record.figure("host time of a launch", launches, "us", of={"bucket": bucket})
        record.figure("step through the runner", turns, "ms", of={"bucket": bucket})


def _turns(runner: GraphRunner, wanted: list[Wanted], num: int) -> tuple[list[float], list[float]]:
    """Microseconds of each launch and milliseconds of each turn, with one step always under way."""
    tables, _ = start(runner, wanted, num + 2, cached_from=0)
    runner.launch(decode_parts(wanted, tables, 1))
    launches, turns = [], []
    for step in range(num):
        began_at = time.perf_counter()
        runner.launch(decode_parts(wanted, tables, step + 2))
        launches.append((time.perf_counter() - began_at) * 1e6)
        runner.collect()
        turns.append((time.perf_counter() - began_at) * 1000)
    runner.collect()
    for slot in range(len(wanted)):
        runner.end(slot)
    return launches, turns
