"""The listening model: decode steps against the bandwidth limit, what hears by chunks, and whole clips a second."""

import asyncio
import statistics
import time
from functools import partial

import torch

from antiphon_server.engine.sequence import Ask, Sequence
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.engine.text_sequence import TextSequence
from antiphon_server.model.stt.config import SttConfig
from antiphon_server.runtime.cuda.ear_steps import EarShape, EarSteps
from antiphon_server.runtime.cuda.text import Text
from antiphon_server.runtime.step_thread import StepThread
from bench._harness import percentile
from bench.gpu.decode import Steps, measure_steps, most_positions
from bench.gpu.listening_model import Listening, clip, make_ask, make_listening, make_text_runner
from bench.gpu.model import make_kernels, record_captures
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.timing import Replays, elapsed_ms, wait_for

CLOSED = "listening, closed loop"
_NUM_POSITIONS, _CHUNK_S, _REST_S = 200, 4, 2.0


def measure(setting: Setting, record: Record) -> None:
    """Time the parts, then whole clips."""
    # A CPU takes the longest by far for products in bf16, and what it measures means nothing.
    model = make_listening(setting, torch.bfloat16 if setting.device == "cuda" else torch.float32)
    ears = _time_ears(setting, record, model)
    text = Text(model.decoder, ears, make_kernels(setting.device), 2 * max(setting.scale.buckets))
    steps = Steps(setting, model.decoder, text, max_positions=most_positions(setting, model.decoder))
    buckets = setting.scale.buckets if setting.size == "full" else setting.scale.buckets[:1]
    measure_steps(setting, record, steps, buckets, frame_s=None)
    _time_clips(setting, record, model)


def _time_ears(setting: Setting, record: Record, model: Listening) -> EarSteps:
    """Time encoder and projector of whole chunks as graphs, all of hearing them, and a rest without a graph."""
    replays, num = Replays(setting.device), setting.scale.replays
    wait_for(setting.device)
    ears = EarSteps(model.ear, replays.lane, replays.graphs, device=model.decoder.device)
    wait_for(setting.device)
    ears.capture()
    for num_chunks in setting.scale.chunk_counts:
        replays.again(EarShape(num_chunks), max(1, num // 10))
        times = replays.again(EarShape(num_chunks), max(2, num // 2))
        flops = num_chunks * _flops(model.ear.config)
        record.figure(
            "hear whole chunks",
            times,
            "ms",
            of={"chunks": num_chunks},
            tflops=flops / statistics.median(times) / 1e9,
            audio_s_per_s=num_chunks * _CHUNK_S / (statistics.median(times) / 1000),
        )
    for name, seconds in (("hear a chunk with its spectrum", _CHUNK_S), ("hear a rest without a graph", _REST_S)):
        chunks = clip(setting.seed, seconds)
        with replays.lane.entered():
            times = elapsed_ms(model.decoder.device, partial(ears.hear, chunks), max(2, num // 6))
        record.figure(name, times[1:], "ms", of={"seconds": seconds})
    return ears


def _flops(config: SttConfig) -> float:
    """Operations of the encoder's layers for one chunk; convolutions and projector are a few percent besides."""
    tower = config.tower
    products = 2 * _NUM_POSITIONS * tower.width * (4 * tower.width + 2 * tower.inner)
    attention = 4 * _NUM_POSITIONS**2 * tower.width
    return tower.num_layers * (products + attention)


def _time_clips(setting: Setting, record: Record, model: Listening) -> None:
    """Listen to clips of equal length, so many at once all the time; each answer has the same number of ids."""
    scale = setting.scale
    runner = make_text_runner(setting, model)
    record_captures(record, runner.graphs)
    steps = StepThread(StepLoop(runner, time.monotonic, kind=TextSequence))
    asyncio.run(_listen(steps, [make_ask(setting, 1 << 20, scale.listening_s, scale.listening_ids)], 1))  # unmeasured
    for calls, num_clips in scale.listening_loads:
        asks = [make_ask(setting, index, scale.listening_s, scale.listening_ids) for index in range(num_clips)]
        began_at = time.perf_counter()
        latencies = asyncio.run(_listen(steps, asks, calls))
        took_s = time.perf_counter() - began_at
        record.figure(
            CLOSED,
            [took * 1000 for took in latencies],
            "ms",
            of={"mode": "batch_invariant", "calls": calls},
            clips=num_clips,
            clip_s=scale.listening_s,
            ids=scale.listening_ids,
            times_real_time=num_clips * scale.listening_s / took_s,
            latency_p95_ms=percentile(latencies, 95) * 1000,
        )
    record.fact(prefills_without_graph=runner.num_eager_prefills)
    record.check("no step ran without its graph", is_met=runner.graphs.num_misses == 0)


async def _listen(steps: StepThread, asks: list[Ask], calls: int) -> list[float]:
    """Seconds that each took, with ``calls`` of them under way at any time."""
    waiting, latencies = list(asks), []

    async def listen() -> None:
        while waiting:
            ask, began_at = waiting.pop(), time.perf_counter()
            async for item in steps.generate(ask):
                assert isinstance(item, Sequence)
                assert len(item.rows) == ask.max_rows, item.finish
            latencies.append(time.perf_counter() - began_at)

    await asyncio.gather(*(listen() for _ in range(calls)))
    return latencies
