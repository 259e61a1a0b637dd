"""Keeps the status a call ended with.

grpc.aio replaces the server's status by "INTERNAL: Internal error from Core" when a write was under way as the status
arrived (grpc/grpc#36066), and with it everything the server had to say. A status that came before the failed write is
right in the moment the call reports its end, so it is read there. One that comes after it is not reported, only put
in the place of the other, so it is looked for.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import grpc

T = TypeVar("T")

_REPLACED = "Internal error from Core"
_PATIENCE_S = 1.0
"""How long the server's status is looked for; it follows the failed write within one turn of the loop or two."""
_LOOK_EVERY_S = 0.002


class CallEnding:
    """The true end of one call; nothing until it has ended, and true once it has settled."""

    def __init__(self, call: "grpc.aio.StreamStreamCall[Any, Any]") -> None:
        """Watch a call that has just been started."""
        self._call = call
        self.error: grpc.aio.AioRpcError | None = None
        self.is_ok = False
        call.add_done_callback(self._note)

    async def settle(self) -> None:
        """Wait for the server's status where a failed write was reported before it; to be awaited after a failure."""
        clock = asyncio.get_running_loop().time
        ends_at = clock() + _PATIENCE_S
        while self.error is not None and self.error.details() == _REPLACED and clock() < ends_at:
            await asyncio.sleep(_LOOK_EVERY_S)
            self._note(self._call)

    def _note(self, _: object) -> None:
        call = self._call
        code = _now(call.code())
        self.is_ok, self.error = code is grpc.StatusCode.OK, None
        if not self.is_ok:
            leading, trailing = _now(call.initial_metadata()), _now(call.trailing_metadata())
            self.error = grpc.aio.AioRpcError(code, leading, trailing, details=_now(call.details()))


def _now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Result of a coroutine that has nothing to wait for: of an ended call, every property is there."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    coroutine.close()
    raise AssertionError("an ended call made its reader wait")
