"""What is shown of an utterance while it is spoken, and whether it comes as often as was asked for."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from antiphon_server.session.events import ListenEvent, Notice, PartialHeard

Emit = Callable[[ListenEvent], Awaitable[None]]

_MUCH = 2.0
"""Times the wanted interval."""
_MAX_AHEAD_MS = 2_000
"""Audio further ahead of the clock is not spoken now: its pauses say nothing of when it ends."""


class Cadence:
    """Shows partials, whoever makes them; tells once a call where they come much more seldom than was asked for."""

    def __init__(self, wanted_ms: int, emit: Emit) -> None:
        """Begin with nothing shown; the audio begins now.

        Args:
            wanted_ms: Between two partials.
            emit: Takes partials and the notice.
        """
        self._wanted_ms = wanted_ms
        self._emit = emit
        self._began_at = time.monotonic()
        self._is_told = False

    def is_live(self, up_to_ms: float, at: float) -> bool:
        """Whether audio up to a moment of the stream was being spoken at a monotonic second."""
        return up_to_ms <= (at - self._began_at) * 1000 + _MAX_AHEAD_MS

    async def show(self, partial: PartialHeard | None, up_to_ms: float, asked_at: float) -> None:
        """Show a partial, if it says anything new.

        Args:
            partial: None if it does not.
            up_to_ms: End of the audio it was made of.
            asked_at: Monotonic second from which on it took the model's time, and that of all who were before it.
        """
        if partial is not None:
            await self.tell(partial)
        took_ms = (time.monotonic() - asked_at) * 1000
        if self._is_told or took_ms <= _MUCH * self._wanted_ms or not self.is_live(up_to_ms, asked_at):
            return
        self._is_told = True
        took, wanted = took_ms / 1000, self._wanted_ms / 1000
        message = f"a partial took {took:.1f} s, and one was asked for every {wanted:g} s: the model is busy"
        await self.tell(Notice("CADENCE_STRETCHED", "", message))

    async def tell(self, event: ListenEvent) -> None:
        """Emit an event out of work that may be cancelled: a write is never broken off half-way."""
        await asyncio.shield(asyncio.ensure_future(self._emit(event)))
