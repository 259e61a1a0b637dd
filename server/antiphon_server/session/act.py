"""Work that emits events and can be stopped between them, but never inside a write."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

Event = TypeVar("Event")


class Act(Generic[Event]):
    """One utterance or reply in the making.

    Cancelling a task inside a write would leave half a message to account for. So an interruption that comes then
    waits for the write and stops the work right after it.
    """

    def __init__(self, emit: Callable[[Event], Awaitable[None]]) -> None:
        """Keep where events go."""
        self._emit = emit
        self._task: asyncio.Task[None] | None = None
        self._is_emitting = False
        self.is_interrupted = False
        self.is_ending = False
        """Its last event is on its way: whoever has seen that may begin the next act."""

    async def send(self, event: Event, *, is_last: bool = False, note: Callable[[], None] | None = None) -> None:
        """Emit an event; afterwards stop here if the act was interrupted meanwhile, unless it was the last.

        Args:
            event: What to emit.
            is_last: Nothing follows, so there is nothing to stop.
            note: Called once the event has left, also when the act stops here, so that the books stay true.
        """
        self._is_emitting = True
        self.is_ending = self.is_ending or is_last
        try:
            await self._emit(event)
        finally:
            self._is_emitting = False
        if note is not None:
            note()
        if self.is_interrupted and not is_last:
            raise asyncio.CancelledError

    def interrupt(self) -> None:
        """Stop the work as soon as no write is under way. Asking twice does not disturb the stopping."""
        if self.is_interrupted:
            return
        self.is_interrupted = True
        if self._task is not None and not self._is_emitting:
            self._task.cancel()

    async def run(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do the work; True if it came to its end, False if it was interrupted. Failures are raised."""
        if self.is_interrupted:
            work.close()
            return False
        task = self._task = asyncio.create_task(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if self.is_interrupted and task.done() and not _is_being_cancelled():
                return False
            task.cancel()
            await asyncio.wait([task])
            raise
        return True


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
