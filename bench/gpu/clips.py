"""Clips as a caller hears them: when each piece came, and the gaps between them."""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from bench._harness import percentile
from bench.gpu.record import Record

SAMPLE_RATE_HZ = 24_000


@dataclass(slots=True)
class Heard:
    """One clip, seconds since the run began."""

    began_at: float
    pieces: list[tuple[float, int]] = field(default_factory=list)
    """When a piece came, and its samples."""
    ended_at: float = 0.0

    @property
    def audio_s(self) -> float:
        """Length of the sound."""
        return sum(samples for _, samples in self.pieces) / SAMPLE_RATE_HZ

    @property
    def latency_s(self) -> float:
        """From asking to the end."""
        return self.ended_at - self.began_at

    @property
    def first_audio_s(self) -> float:
        """From asking to the first piece."""
        return self.pieces[0][0] - self.began_at

    @property
    def num_underruns(self) -> int:
        """How often a player that began with the first piece had nothing left when the next one came."""
        num, played_until = 0, self.pieces[0][0]
        for came_at, samples in self.pieces:
            if came_at > played_until:
                num, played_until = num + 1, came_at
            played_until += samples / SAMPLE_RATE_HZ
        return num


Speak = Callable[[int], AsyncGenerator[bytes, None]]
"""Speak a clip of a number; yields samples, 16 bits each."""


async def hear(speak: Speak, number: int) -> Heard:
    """Speak one clip and listen."""
    heard = Heard(time.perf_counter())
    async with aclosing(speak(number)) as pieces:
        async for pcm in pieces:
            heard.pieces.append((time.perf_counter(), len(pcm) // 2))
    heard.ended_at = time.perf_counter()
    if not heard.pieces:
        raise RuntimeError(f"clip {number} has no sound")
    return heard


async def closed_loop(speak: Speak, num_calls: int, seconds: float) -> tuple[list[Heard], float]:
    """Keep a number of calls going for a time; each that was begun is finished. The clips, and seconds in all."""
    began_at = time.perf_counter()
    clips: list[Heard] = []

    async def caller(index: int) -> None:
        number = index
        while time.perf_counter() - began_at < seconds or number == index:
            clips.append(await hear(speak, number))
            number += num_calls

    async with asyncio.TaskGroup() as group:
        for index in range(num_calls):
            group.create_task(caller(index))
    return clips, time.perf_counter() - began_at


async def open_loop(speak: Speak, per_s: float, seconds: float, seed: int) -> tuple[list[Heard], float]:
    """Begin clips at random moments, however many are going already."""
    noise, due_at, began_at = random.Random(seed), 0.0, time.perf_counter()
    begun: list[asyncio.Future[Heard]] = []
    while (due_at := due_at + noise.expovariate(per_s)) < seconds or not begun:
        await asyncio.sleep(max(0.0, began_at + due_at - time.perf_counter()))
        begun.append(asyncio.ensure_future(hear(speak, len(begun))))
    return list(await asyncio.gather(*begun)), time.perf_counter() - began_at


def record_clips(record: Record, name: str, clips: list[Heard], wall_s: float, **of: object) -> None:
    """Sum a run up, in the terms of the peer's published table."""
    audio_s = sum(clip.audio_s for clip in clips)
    latencies_ms = [clip.latency_s * 1000 for clip in clips]
    first_ms = [clip.first_audio_s * 1000 for clip in clips]
    record.figure(
        name,
        latencies_ms,
        "ms",
        of=of,
        requests=len(clips),
        requests_per_s=len(clips) / wall_s,
        mean_latency_ms=statistics.mean(latencies_ms),
        real_time_factor=statistics.mean(clip.latency_s / clip.audio_s for clip in clips),
        audio_s_per_s=audio_s / wall_s,
        first_audio_p50_ms=statistics.median(first_ms),
        first_audio_p95_ms=percentile(first_ms, 95),
        underruns=sum(clip.num_underruns for clip in clips),
        clip_s=audio_s / len(clips),
    )
