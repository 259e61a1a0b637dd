"""The thread that owns a step loop, and how coroutines hand it work and hear what becomes of it."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from antiphon_server.engine.sequence import Ask, Sequence
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.errors import EngineFailed, SpeechError

_LAST_WORDS_S = 0.5


def leave_process() -> None:
    """End this process when its callers have heard why; whoever watches over it starts another."""
    threading.Timer(_LAST_WORDS_S, os._exit, (70,)).start()


class StepThread:
    """Steps while there is work, sleeps while there is none."""

    def __init__(
        self,
        loop: StepLoop,
        *,
        is_lost: Callable[[Exception], bool] = lambda _error: False,
        leave: Callable[[], None] = leave_process,
    ) -> None:
        """Begin to step.

        Args:
            loop: What to step.
            is_lost: Whether a failure leaves nothing that could go on, such as a GPU whose context is broken.
            leave: Called once behind such a failure; nothing is stepped any more.
        """
        self._loop, self._is_lost, self._leave = loop, is_lost, leave
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="steps", daemon=True)
        self._thread.start()

    async def generate(self, ask: Ask) -> AsyncGenerator[bytes | Sequence, None]:
        """Yield samples as they are decoded, then the ended sequence. Closing cancels at the next step.

        Raises:
            ContextOverflow, Overloaded, DeadlineTooShort: If the sequence is not accepted.
            EngineFailed: If the runner failed.
        """
        ear = _Ear(asyncio.get_running_loop())
        sequence = self._loop.submit(ask, ear)
        self._wake.set()
        try:
            while not isinstance(item := await ear.heard.get(), Sequence):
                if isinstance(item, SpeechError):
                    raise item
                yield item
                self._loop.note_delivered(sequence, len(item) // 2)
                self._wake.set()
            yield item
        finally:
            self._loop.cancel(sequence)
            self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                while self._loop.step():
                    pass
            except Exception as error:  # noqa: BLE001 - whatever the runner raised, its callers must hear of it
                is_lost = self._is_lost(error)
                try:
                    self._loop.fail_all(EngineFailed(f"the speech model failed ({type(error).__name__})"))
                finally:
                    if is_lost:  # whatever else fails on a lost device
                        self._leave()
                if is_lost:
                    return
            self._wake.wait(self._loop.deadline_in_s())


class _Ear:
    """Passes what the loop's thread says on to a coroutine."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.heard: asyncio.Queue[bytes | Sequence | SpeechError] = asyncio.Queue()
        self._loop = loop

    def take_audio(self, pcm: bytes) -> None:
        self._put(pcm)

    def take_end(self, sequence: Sequence) -> None:
        self._put(sequence)

    def take_failure(self, error: SpeechError) -> None:
        self._put(error)

    def _put(self, item: bytes | Sequence | SpeechError) -> None:
        with suppress(RuntimeError):  # the loop of coroutines is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self.heard.put_nowait, item)
