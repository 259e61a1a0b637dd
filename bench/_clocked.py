"""An engine that speaks in real time and writes the moment of each chunk into its first samples."""

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

from antiphon_server.engine.protocol import EngineInfo, SpeechChunk, SpeechEnd, SpeechJob
from support.scripted import RATE_HZ, ScriptedSynthesizer, create_synthesizer

_CHUNK_S = 0.04
_STAMP_BYTES = 8
_REST = bytes(round(RATE_HZ * _CHUNK_S) * 2 - _STAMP_BYTES)


def step_s() -> float:
    """Real time of a chunk."""
    return _CHUNK_S


def phase_s(*, is_in_step: bool) -> float:
    """When a stream's first chunk is due: the next common beat (an engine that batches), or anywhere."""
    now = time.monotonic()
    return math.ceil(now / _CHUNK_S + 1) * _CHUNK_S if is_in_step else now + random.random() * _CHUNK_S


def chunk() -> bytes:
    """40 ms of samples that begin with the time now."""
    return time.monotonic_ns().to_bytes(_STAMP_BYTES, "little") + _REST


def age_ms(data: bytes) -> float:
    """How long ago a chunk was made; both processes read the same clock."""
    return (time.monotonic_ns() - int.from_bytes(data[:_STAMP_BYTES], "little")) / 1e6


class ClockedSynthesizer:
    """One 40 ms chunk every 40 ms, as many as the text has characters."""

    def __init__(self, scripted: ScriptedSynthesizer, *, is_in_step: bool) -> None:
        self._scripted = scripted
        self._is_in_step = is_in_step

    async def info(self) -> EngineInfo:
        return replace(await self._scripted.info(), max_concurrent_calls=1_000)

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        due = phase_s(is_in_step=self._is_in_step)
        for _ in job.text:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += _CHUNK_S
            yield SpeechChunk(chunk())
        yield SpeechEnd("STOP", engine_ms=1.0)


async def create(options: Mapping[str, object]) -> ClockedSynthesizer:
    return ClockedSynthesizer(await create_synthesizer({}), is_in_step=options.get("is_in_step") is True)
