"""The whole service in one process: step loop, graphs, codec, and callers that listen; closed loop, then open loop."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import torch

from antiphon_server.engine.runner import Draw
from antiphon_server.engine.sequence import Ask, Sequence
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.runtime.step_thread import StepThread
from bench.gpu.clips import Speak, closed_loop, hear, open_loop, record_clips
from bench.gpu.model import MODES, make_backbone, make_decoder, make_prompt, make_runner, record_captures
from bench.gpu.record import Record
from bench.gpu.setting import Setting

CLOSED, OPEN, AGAIN = "service, closed loop", "service, open loop", "service, closed loop, A/A"
_AGAIN_CALLS = 16


def measure(setting: Setting, record: Record, *, is_invariant: bool) -> None:
    """Speak clips of fixed length with one cached voice."""
    model = make_backbone(setting, torch.bfloat16)
    runner = make_runner(setting, model, make_decoder(setting), is_invariant=is_invariant)
    record.fact(runner=type(runner).__name__)
    record_captures(record, runner.graphs, runner.codec_graphs)
    loop = StepLoop(runner, time.monotonic)
    speak = _speaker(setting, StepThread(loop))
    asyncio.run(_measure(setting, record, speak, MODES[is_invariant], has_open=is_invariant))
    missing = runner.graphs.num_misses + runner.codec_graphs.num_misses
    record.check("no step ran without its graph", is_met=missing == 0, detail=f"{missing} did")
    record.fact(eager_prefills=runner.num_eager_prefills)


async def _measure(setting: Setting, record: Record, speak: Speak, mode: str, *, has_open: bool) -> None:
    scale = setting.scale
    expected_s = scale.clip_frames / 25
    warm = await hear(speak, 0)  # computes the voice's prefix, too
    record.check(
        "a clip has all its frames", is_met=abs(warm.audio_s - expected_s) < 1e-6, detail=f"{warm.audio_s:.2f} s"
    )
    for num_calls in scale.buckets:
        clips, wall_s = await closed_loop(speak, num_calls, scale.closed_s)
        record_clips(record, CLOSED, clips, wall_s, mode=mode, calls=num_calls)
    if not has_open:
        return
    num_again = _AGAIN_CALLS if _AGAIN_CALLS in scale.buckets else max(scale.buckets)
    clips, wall_s = await closed_loop(speak, num_again, scale.closed_s)
    record_clips(record, AGAIN, clips, wall_s, mode=mode, calls=num_again)
    for per_s, seconds in scale.open_loads:
        clips, wall_s = await open_loop(speak, per_s, seconds, setting.seed)
        record_clips(record, OPEN, clips, wall_s, mode=mode, per_s=per_s)


def _speaker(setting: Setting, steps: StepThread) -> Speak:
    async def speak(number: int) -> AsyncGenerator[bytes, None]:
        prompt = make_prompt(setting, number)
        ask = Ask(
            prompt.positions,
            prompt.num_prefix,
            Draw(seed=number, top_k=50),
            setting.scale.clip_rows,
            caller=number,
            max_silent_frames=None,
        )
        async with aclosing(steps.generate(ask)) as items:
            async for item in items:
                if not isinstance(item, Sequence):
                    yield item

    return speak
