"""Pace and pitch of one segment, given to the engine's sound where the engine has none of its own."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from antiphon_server.audio.delivery import Delivery

_RENDERERS = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="rendering")
"""Slow speech takes tens of milliseconds for each second of it: too long for the thread that serves everybody."""
_PIECE_MS = 80


class Rendering:
    """One call at a time. One that is cancelled leaves nothing that could be used."""

    def __init__(self, rate_hz: int, *, speed: float = 1.0, pitch_semitones: float = 0.0) -> None:
        """Begin a segment; see ``Delivery``."""
        self.speed = speed
        self._delivery = Delivery(rate_hz, speed=speed, pitch_semitones=pitch_semitones)
        self._piece_bytes = 2 * (rate_hz * _PIECE_MS // 1000)

    @property
    def is_natural(self) -> bool:
        """Whether the engine's sound passes untouched."""
        return self._delivery.is_natural

    async def push(self, pcm: bytes) -> Iterator[bytes]:
        """Take the engine's samples; gives what can be said already, in pieces of at most 80 ms."""
        if self.is_natural:
            return iter((pcm,))
        return self._pieces(await asyncio.get_running_loop().run_in_executor(_RENDERERS, self._delivery.push, pcm))

    async def finish(self) -> Iterator[bytes]:
        """Give the rest; the segment is over."""
        if self.is_natural:
            return iter(())
        return self._pieces(await asyncio.get_running_loop().run_in_executor(_RENDERERS, self._delivery.finish))

    def _pieces(self, pcm: bytes) -> Iterator[bytes]:
        return (pcm[start : start + self._piece_bytes] for start in range(0, len(pcm), self._piece_bytes))
