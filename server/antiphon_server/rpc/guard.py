"""The outermost interceptor: request ids, metrics, one log line a call, and every failure turned into a named error.

Without it grpc.aio sends the text of a stray exception to the caller.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from antiphon_server.errors import BY_REASON, Internal, SpeechError
from antiphon_server.rpc.checks import undecodable
from antiphon_server.rpc.requestid import REQUEST_ID, choose_request_id
from antiphon_server.rpc.status import status_code, trailers
from antiphon_server.telemetry import metrics
from antiphon_server.telemetry.logs import log

_OURS = "/antiphon."
Behavior = Callable[[Any, Any], Awaitable[Any]]


class Guard(aio.ServerInterceptor):
    """Wraps every method of ours."""

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:  # noqa: ANN401 - grpc's types
        """Wrap the handler; health and reflection pass untouched."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or not method.startswith(_OURS):
            return handler
        kind = (
            ("stream" if handler.request_streaming else "unary")
            + "_"
            + ("stream" if handler.response_streaming else "unary")
        )
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(
            _guarded(getattr(handler, kind), method.removeprefix("/")),
            request_deserializer=handler.request_deserializer if handler.request_streaming else _kept(handler),
            response_serializer=handler.response_serializer,
        )


def _kept(handler: Any) -> Callable[[bytes], Any]:  # noqa: ANN401 - grpc's types
    """Decode the one request of a call; a failure becomes our error, which grpc would answer without a reason."""

    def decode(data: bytes) -> Any:  # noqa: ANN401 - a message of the contract
        try:
            return handler.request_deserializer(data)
        except DecodeError:
            return undecodable("request")

    return decode


def _decoded(request: Any) -> Any:  # noqa: ANN401 - grpc's types
    if isinstance(request, SpeechError):
        raise request
    return request


def _guarded(behavior: Behavior, method: str) -> Behavior:
    async def serve(request: Any, context: Any) -> Any:  # noqa: ANN401 - grpc's types
        metadata = dict(context.invocation_metadata() or ())
        request_id = choose_request_id(metadata.get("x-request-id"))
        REQUEST_ID.set(request_id)
        ended = _Ending(method, request_id, metadata.get("traceparent", ""))
        try:
            return await behavior(_decoded(request), context)
        except SpeechError as error:
            await _abort(context, error, ended)
        except asyncio.CancelledError:
            ended.reason = "DEADLINE_EXCEEDED" if _is_late(context) else "CANCELLED"
            raise
        except aio.AbortError:
            ended.reason = "ABORTED"
            raise
        except Exception as error:
            ended.defect = f"{type(error).__name__} at {_place(error)}"
            if ended.is_gone(error):
                ended.reason = "CANCELLED"
                raise asyncio.CancelledError from error
            await _abort(context, Internal(f"the server has a defect; quote request id {request_id}"), ended)
        finally:
            ended.close()

    return serve


async def _abort(context: Any, error: SpeechError, ended: "_Ending") -> None:  # noqa: ANN401 - grpc's types
    ended.reason = error.reason
    ended.field = error.field
    assert error.reason in BY_REASON
    await context.abort(status_code(error), error.message, trailers(error, ended.request_id))


class _Ending:
    """The books of one call; written out once."""

    def __init__(self, method: str, request_id: str, traceparent: str) -> None:
        self.method = method
        self.request_id = request_id
        self.reason = "OK"
        self.field = ""
        self.defect = ""
        self._trace_id = traceparent.split("-")[1][:32] if traceparent.count("-") == 3 else ""
        self._began_at = time.monotonic()
        metrics.CALLS_RUNNING.labels(method).inc()

    @staticmethod
    def is_gone(error: Exception) -> bool:
        """Whether the failure only says that the client left in the middle of a write."""
        return type(error).__name__ in ("ExecuteBatchError", "UsageError")

    def close(self) -> None:
        ms = (time.monotonic() - self._began_at) * 1000
        metrics.CALLS_RUNNING.labels(self.method).dec()
        metrics.CALLS.labels(self.method, self.reason).inc()
        metrics.CALL_MS.labels(self.method).observe(ms)
        extra = {
            key: value
            for key, value in (("field", self.field), ("defect", self.defect), ("trace_id", self._trace_id))
            if value
        }
        level = logging.ERROR if self.reason == "INTERNAL" else logging.INFO
        log(
            "call_ended",
            level=level,
            method=self.method,
            request_id=self.request_id,
            reason=self.reason,
            total_ms=round(ms, 1),
            **extra,
        )


def _is_late(context: Any) -> bool:  # noqa: ANN401 - grpc's types
    remaining_s = context.time_remaining()
    return remaining_s is not None and remaining_s <= 0


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{trace.tb_frame.f_code.co_filename.rsplit('antiphon_server', 1)[-1]}:{trace.tb_lineno}"
