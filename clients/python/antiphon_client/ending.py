"""Keeps the status a call ended with.

grpc.aio replaces the server's status by "INTERNAL: Internal error from Core" when a write was under way as the status
arrived (grpc/grpc#36066), and with it everything the server had to say. The status is right in the moment the call
reports its end, so it is read there.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import grpc

T = TypeVar("T")


class CallEnding:
    """The true end of one call; nothing until it has ended."""

    def __init__(self, call: "grpc.aio.StreamStreamCall[Any, Any]") -> None:
        """Watch a call that has just been started."""
        self._call = call
        self.error: grpc.aio.AioRpcError | None = None
        self.is_ok = False
        call.add_done_callback(self._note)

    def _note(self, _: object) -> None:
        call = self._call
        code = _now(call.code())
        self.is_ok = code is grpc.StatusCode.OK
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
