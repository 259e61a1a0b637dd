"""The front's end of a channel: many calls at once, each ended exactly once.

Frames to the engine: start{spec}, call{call, role, op, args, credits}, credit{call, n}, cancel{call}, ping.
Frames from it: ready{infos}, failed{error}, item{call, value}, ended{call, value | error | cancelled, stop_ms}, pong.

A streamed call carries credits, one an item: the engine may send as many items as it was granted, and the front grants
one for each that its consumer took. So neither side ever holds more than the window.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.engine.spec import EngineSpec, Role
from antiphon_server.errors import EngineFailed, SpeechError
from antiphon_server.worker.channel import Channel
from antiphon_server.worker.codec import decode, encode
from antiphon_server.worker.failure import decode_error
from antiphon_server.worker.frame import Frame

CANCEL_LIMIT_S = 1.0
"""How long closing a call waits for the engine's word that it stopped."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended."""

    value: Any = None
    error: SpeechError | None = None
    stop_ms: float | None = None
    """From the cancel's arrival at the engine to its stop; None if it was not cancelled."""


class Call:
    """One call in flight."""

    def __init__(self, line: "Line", call_id: int) -> None:
        self._line = line
        self._is_cancelled = False
        self.id = call_id
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

    def end(self, ended: Ended) -> None:
        """Settle the call; the second time is ignored."""
        if not self.ended.done():
            self.ended.set_result(ended)

    async def result(self) -> Any:  # noqa: ANN401  # as plain as the wire
        """Wait for the value; being cancelled meanwhile cancels the engine's work."""
        try:
            ended = await asyncio.shield(self.ended)
        except asyncio.CancelledError:
            await self.aclose()
            raise
        if ended.error is not None:
            raise ended.error
        return ended.value

    async def aclose(self) -> None:
        """Cancel unless ended, and wait up to a second until the engine says that it stopped."""
        if self.ended.done():
            return
        if not self._is_cancelled:
            self._is_cancelled = True
            self._line.send({"kind": "cancel", "call": self.id})
        await asyncio.wait({self.ended}, timeout=CANCEL_LIMIT_S)


class StreamCall(Call):
    """A call that is answered by items; iterate once, then ``aclose``."""

    def __init__(self, line: "Line", call_id: int, window: int) -> None:
        super().__init__(line, call_id)
        self._window = window
        self._grant = max(1, window // 4)  # credits go in lumps: a frame for each would double the traffic
        self._num_taken = 0
        self._items: deque[Any] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, value: object) -> None:
        """Queue an item for the consumer.

        Raises:
            ValueError: If the engine sent more than it was granted.
        """
        if len(self._items) >= self._window:
            raise ValueError("more items than credits")
        self._items.append(value)
        self._wake()

    def end(self, ended: Ended) -> None:
        """Settle the call; items already here are still taken first."""
        super().end(ended)
        self._wake()

    def __aiter__(self) -> "StreamCall":
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401  # as plain as the wire
        while not self._items:
            if self.ended.done():
                raise self.ended.result().error or StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._num_taken += 1
        if self._num_taken >= self._grant and not self.ended.done():
            self._line.send({"kind": "credit", "call": self.id, "n": self._num_taken})
            self._num_taken = 0
        return self._items.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Line:
    """The calls of one child, from its birth to its death."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._calls: dict[int, Call] = {}
        self._ids = itertools.count(1)
        self._why_down: Callable[[], SpeechError] | None = None
        self.ready: asyncio.Future[dict[Role, EngineInfo] | SpeechError] = asyncio.get_running_loop().create_future()
        """What its parts are, or why it could not start."""
        self.down: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the child was lost."""
        self.num_unanswered_pings = 0

    @property
    def num_calls(self) -> int:
        """Calls the engine has not ended."""
        return len(self._calls)

    @property
    def is_up(self) -> bool:
        """False for good once the child was lost."""
        return self._why_down is None

    def begin(self, channel: Channel, spec: EngineSpec) -> None:
        """Give the child its spec; ``ready`` tells how that went."""
        self._channel = channel
        self.send({"kind": "start", "spec": encode(spec)})

    def send(self, frame: Frame) -> None:
        """Send a frame unless the child is gone."""
        if self._channel is not None:
            self._channel.send(frame)

    def ping(self) -> None:
        """Ask for a sign of life; any frame is one."""
        self.num_unanswered_pings += 1
        self.send({"kind": "ping"})

    async def ask(self, role: Role, op: str, *args: object) -> Any:  # noqa: ANN401  # as plain as the wire
        """Call and wait for the one answer.

        Raises:
            SpeechError: What the engine raised, or the line's own reason once it is down.
            FrameTooLarge: If the arguments are over the limit.
        """
        if self._channel is not None:
            await self._channel.writable()
        return await self.tell(role, op, *args).result()

    def tell(self, role: Role, op: str, *args: object) -> Call:
        """Call without waiting."""
        call = Call(self, next(self._ids))
        self._open(call, {"role": role, "op": op, "args": args})
        return call

    def stream(self, role: Role, op: str, *args: object, window: int) -> StreamCall:
        """Call for items, at most ``window`` of them ahead of the consumer."""
        call = StreamCall(self, next(self._ids), window)
        self._open(call, {"role": role, "op": op, "args": args, "credits": window})
        return call

    async def idle(self) -> None:
        """Wait until no call is left."""
        while self._calls:
            await asyncio.wait([call.ended for call in self._calls.values()])

    def go_down(self, why: Callable[[], SpeechError]) -> None:
        """End every call with an error of its own; later ones get the same."""
        if self._why_down is not None:
            return
        self._why_down = why
        self.down.set_result(None)
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.end(Ended(error=why()))
        self.fail_start(EngineFailed("the engine process died while starting"))

    def fail_start(self, error: SpeechError) -> None:
        """Settle ``ready`` with an error, unless it is settled."""
        if not self.ready.done():
            self.ready.set_result(error)

    def start_error(self) -> SpeechError:
        """Return why the child could not start; only for one that never was ready."""
        outcome = self.ready.result() if self.ready.done() else None
        return outcome if isinstance(outcome, SpeechError) else EngineFailed("the engine process died while starting")

    def receive(self, frame: Frame) -> None:
        """Act on a frame of the child.

        Raises:
            ValueError: If the child breaks the protocol.
        """
        self.num_unanswered_pings = 0
        if not self.is_up:
            return  # still in the socket when the child was given up; its calls have been told
        kind = frame["kind"]
        if kind == "item":
            call = self._calls[frame["call"]]
            assert isinstance(call, StreamCall)
            call.feed(frame["value"])
        elif kind == "ended":
            error = frame.get("error")
            ended = Ended(frame.get("value"), None if error is None else decode_error(error), frame.get("stop_ms"))
            self._calls.pop(frame["call"]).end(ended)
        elif kind == "ready":
            self.ready.set_result({role: cast("EngineInfo", decode(info)) for role, info in frame["infos"].items()})
        elif kind == "failed":
            self.ready.set_result(decode_error(frame["error"]))

    def _open(self, call: Call, frame: Frame) -> None:
        if self._why_down is not None:
            raise self._why_down()
        self.send({"kind": "call", "call": call.id, **frame})
        self._calls[call.id] = call
