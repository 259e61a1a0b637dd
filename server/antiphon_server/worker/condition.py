"""How an engine process is, and what a call is told while it does not serve."""

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass

from antiphon_server.errors import Draining, EngineRestarting, ModelNotInstalled, NotReady, SpeechError
from antiphon_server.worker.failure import copy_error

_SHORTEST_RETRY_S = 0.1
_FIRST_STARTUP_S = 5.0  # the guess until a start was measured


class EngineState(enum.Enum):
    """How an engine process is."""

    STARTING = "starting"
    """For the first time."""
    READY = "ready"
    RESTARTING = "restarting"
    """It died, and comes back after a delay."""
    FAILED = "failed"
    """It cannot start until an operator changes something; the error says what."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Supervision:
    """When an engine process counts as lost, and when it is started again."""

    startup_limit_s: float = 120.0
    """From the start of the process to its parts being warm."""
    hang_limit_s: float | None = 30.0
    """A ready process that gives no sign of life for this long is killed; None: never."""
    first_backoff_s: float = 0.1
    max_backoff_s: float = 30.0
    healthy_after_s: float = 60.0
    """Being ready this long makes the next backoff the first again."""


class Condition:
    """The state of one engine process, with the errors that go with it."""

    def __init__(self, name: str, on_change: Callable[[], None]) -> None:
        self.state = EngineState.STARTING
        self.error: SpeechError | None = None
        """Why the last start failed; None once one succeeded."""
        self.startup_s = _FIRST_STARTUP_S
        """How long a start takes; measured at the last one."""
        self._name = name
        self._on_change = on_change
        self._back_at = 0.0  # loop time at which it should serve
        self._settled = asyncio.Event()

    def enter(self, state: EngineState, *, error: SpeechError | None = None, delay_s: float = 0.0) -> None:
        """Change the state without telling; see ``tell``.

        Args:
            state: The new one.
            error: Why the last start failed.
            delay_s: Seconds until the next start begins.
        """
        self.state = state
        self.error = error
        self._back_at = _now() + delay_s + self.startup_s
        if state in (EngineState.STARTING, EngineState.RESTARTING):
            self._settled.clear()
        else:
            self._settled.set()

    def tell(self) -> None:
        """Tell the owner that the state changed."""
        self._on_change()

    def refusal(self) -> SpeechError:
        """Return a new error for a call that cannot be served, or whose child is gone."""
        retry_after_s = round(max(_SHORTEST_RETRY_S, self._back_at - _now()), 3)
        if self.state is EngineState.STARTING:
            return NotReady("the model is warming up", retry_after_s=retry_after_s)
        if self.state is EngineState.STOPPED:
            return Draining("the server is going down")
        if self.state is EngineState.FAILED and self.error is not None:
            return _told(self.error)
        if self.state is EngineState.READY:
            retry_after_s = _SHORTEST_RETRY_S  # the call belonged to a child before this one
        return EngineRestarting("the engine died and is coming back", retry_after_s=retry_after_s)

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until it serves.

        Raises:
            NotReady: If it does not within ``timeout_s``.
            SpeechError: The reason why it never will: what the operator must change, or Draining once stopped.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError:
            raise NotReady(f"{self._name} is not ready after {timeout_s:g} s", retry_after_s=1.0) from self.error
        if self.state is EngineState.FAILED and self.error is not None:
            raise copy_error(self.error)
        if self.state is not EngineState.READY:
            raise self.refusal()


def _told(error: SpeechError) -> SpeechError:
    """Say to a caller why an engine cannot start: what is wrong with its settings is for the operator alone."""
    if isinstance(error, ModelNotInstalled):
        return copy_error(error)
    return ModelNotInstalled("the model cannot start before the operator changes its settings")


def _now() -> float:
    return asyncio.get_running_loop().time()
