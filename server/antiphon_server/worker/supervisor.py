"""Keeps one engine process alive: starts it, watches it, restarts it, and says how it is."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.engine.spec import EngineSpec, Role
from antiphon_server.errors import EngineFailed, Internal, SpeechError
from antiphon_server.worker.backoff import Backoff
from antiphon_server.worker.birth import ChildProcess, give_birth
from antiphon_server.worker.condition import Condition, EngineState, Supervision
from antiphon_server.worker.failure import describe
from antiphon_server.worker.line import Line
from antiphon_server.worker.remote import (
    RemoteChatModel,
    RemoteLiveTranscriber,
    RemoteSynthesizer,
    RemoteTranscriber,
    RemoteVoiceActivity,
)

_log = logging.getLogger(__name__)
_EXIT_GRACE_S = 1.0
_PINGS_UNTIL_HUNG = 3
# A start that failed with one of these may succeed next time; any other needs the operator.
_PASSING_REASONS = frozenset(
    {"ENGINE_FAILED", "ENGINE_RESTARTING", "UPSTREAM_FAILED", "NOT_READY", "OVERLOADED", "RATE_LIMITED", "INTERNAL"}
)


class EngineProcess:
    """One engine process over all its lives. The faces stay valid over restarts."""

    def __init__(
        self,
        spec: EngineSpec,
        on_change: Callable[["EngineProcess"], None],
        *,
        supervision: Supervision | None = None,
    ) -> None:
        """Prepare; nothing runs before ``start``.

        Args:
            spec: What the process hosts.
            on_change: Called on the event loop after each change of ``state``.
            supervision: Limits and delays.
        """
        self.spec = spec
        self.info: dict[Role, EngineInfo] = {}
        """What the parts said when last warm; empty before."""
        self._rules = supervision or Supervision()
        self._condition = Condition(spec.name, lambda: on_change(self))
        self._backoff = Backoff(self._rules.first_backoff_s, self._rules.max_backoff_s, self._rules.healthy_after_s)
        self._delay_s = 0.0
        self._ready_at: float | None = None
        self._line: Line | None = None
        self._child: ChildProcess | None = None
        self._stopping = asyncio.Event()
        self._supervising: asyncio.Task[None] | None = None

    @property
    def state(self) -> EngineState:
        """How it is now."""
        return self._condition.state

    @property
    def error(self) -> SpeechError | None:
        """Why the last start failed; None once one succeeded."""
        return self._condition.error

    def refusal(self) -> SpeechError:
        """What a call is told while the process does not serve."""
        return self._condition.refusal()

    @property
    def num_calls(self) -> int:
        """Calls that the process has not ended."""
        return self._line.num_calls if self._line is not None else 0

    @property
    def pid(self) -> int | None:
        """Id of the process that lives now."""
        return self._child.pid if self._child is not None else None

    @property
    def synthesizer(self) -> RemoteSynthesizer:
        """The process's synthesizer."""
        return RemoteSynthesizer(self._line_up, self._info_of)

    @property
    def transcriber(self) -> RemoteTranscriber:
        """The process's transcriber."""
        return RemoteTranscriber(self._line_up, self._info_of)

    @property
    def live_transcriber(self) -> RemoteLiveTranscriber:
        """The process's live transcriber."""
        return RemoteLiveTranscriber(self._line_up, self._info_of)

    @property
    def voice_activity(self) -> RemoteVoiceActivity:
        """The process's voice activity scorer."""
        return RemoteVoiceActivity(self._line_up, self._info_of)

    @property
    def chat(self) -> RemoteChatModel:
        """The process's chat model."""
        return RemoteChatModel(self._line_up, self._info_of)

    async def start(self) -> None:
        """Begin supervising; returns at once, see ``wait_ready``."""
        assert self._supervising is None, "an engine process is started once"
        self._condition.enter(EngineState.STARTING)
        self._supervising = asyncio.create_task(self._supervise(), name=f"supervise {self.spec.name}")
        self._supervising.add_done_callback(self._supervised)

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until it serves.

        Raises:
            NotReady: If it does not within ``timeout_s``.
            SpeechError: The reason why it never will: what the operator must change, or Draining once stopped.
        """
        await self._condition.wait_ready(timeout_s)

    async def stop(self, grace_s: float) -> None:
        """End the process for good; new calls get Draining at once, so stop what makes calls first.

        Args:
            grace_s: How long calls in flight may go on; what is left then ends with Draining.
        """
        if not self._stopping.is_set():
            self._stopping.set()
            self._condition.enter(EngineState.STOPPED)
            self._condition.tell()
        if self._line is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._line.idle()
            self._line.go_down(self._condition.refusal)
        if self._supervising is not None:
            await asyncio.wait({self._supervising})

    async def _supervise(self) -> None:
        while self.state not in (EngineState.FAILED, EngineState.STOPPED):
            line = self._line = Line()
            try:
                await self._live(line)
            finally:
                self._lost(line)
                await self._bury()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._delay_s if self.state is EngineState.RESTARTING else 0.0):
                    await self._stopping.wait()

    async def _live(self, line: Line) -> None:
        """Start a child and stay with it until it is lost."""
        born_at = _now()
        try:
            self._child = await give_birth(self.spec, line, lambda: self._lost(line))
            async with asyncio.timeout(self._rules.startup_limit_s):
                outcome = await asyncio.shield(line.ready)
        except TimeoutError:
            line.fail_start(EngineFailed(f"the engine was not ready after {self._rules.startup_limit_s:g} s"))
            return
        except OSError as no_process:
            line.fail_start(EngineFailed(f"no engine process could be started: {no_process.strerror}"))
            return
        if line.is_up and not isinstance(outcome, SpeechError):
            self._become_ready(outcome, startup_s=_now() - born_at)
            await self._watch(line)

    def _become_ready(self, infos: dict[Role, EngineInfo], *, startup_s: float) -> None:
        self.info = infos
        self._ready_at = _now()
        self._condition.startup_s = startup_s
        self._condition.enter(EngineState.READY)
        _log.info("engine ready name=%s startup_s=%.3f", self.spec.name, startup_s)
        self._condition.tell()

    async def _watch(self, line: Line) -> None:
        """Return when the child is gone or hangs."""
        limit_s = self._rules.hang_limit_s
        while line.is_up and line.num_unanswered_pings < _PINGS_UNTIL_HUNG:
            await asyncio.wait({line.down}, timeout=None if limit_s is None else limit_s / _PINGS_UNTIL_HUNG)
            line.ping()
        if line.is_up:
            _log.error("engine hangs name=%s limit_s=%s", self.spec.name, limit_s)
            assert self._child is not None
            self._child.kill()

    def _lost(self, line: Line) -> None:
        """End the calls of a child that is gone, once, and choose what comes next."""
        if not line.is_up:
            return
        healthy_s = 0.0 if self._ready_at is None else _now() - self._ready_at
        error = None if self._ready_at is not None else line.start_error()
        self._ready_at = None
        is_news = self.state is not EngineState.STOPPED
        if is_news and error is not None and error.reason not in _PASSING_REASONS:
            _log.error("engine cannot start name=%s reason=%s: %s", self.spec.name, error.reason, error.message)
            self._condition.enter(EngineState.FAILED, error=error)
        elif is_news:
            self._delay_s = self._backoff.delay_after(healthy_s)
            self._condition.enter(EngineState.RESTARTING, error=error, delay_s=self._delay_s)
        line.go_down(self._condition.refusal)
        if is_news:
            self._condition.tell()

    async def _bury(self) -> None:
        """Make sure that the process is gone, and collect its status."""
        child, self._child = self._child, None
        if child is None:
            return
        status = await child.end(_EXIT_GRACE_S)
        level = logging.INFO if self.state is EngineState.STOPPED else logging.ERROR
        _log.log(level, "engine process ended name=%s pid=%d status=%d", self.spec.name, child.pid, status)

    def _supervised(self, task: asyncio.Task[None]) -> None:
        """Report a defect of the supervision itself, instead of leaving an engine that never comes back."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("supervision failed name=%s error=%s", self.spec.name, describe(error))
            self._condition.enter(EngineState.FAILED, error=Internal("the engine cannot be supervised"))
            self._condition.tell()

    def _line_up(self) -> Line:
        """Return the line calls go over now.

        Raises:
            SpeechError: Why none is up.
        """
        if self.state is EngineState.READY and self._line is not None and self._line.is_up:
            return self._line
        raise self._condition.refusal()

    def _info_of(self, role: Role) -> EngineInfo:
        return self.info[role]


def _now() -> float:
    return asyncio.get_running_loop().time()
