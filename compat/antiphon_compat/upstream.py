"""The gRPC server behind this process: one channel, its stubs, and how a call on it ends."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator, Iterator
from typing import Any, TypeVar, cast

import grpc
from aiohttp import web
from grpc_health.v1 import health_pb2, health_pb2_grpc

from antiphon.speech.v1 import (
    conversation_service_pb2_grpc,
    model_service_pb2_grpc,
    synthesis_service_pb2_grpc,
    transcription_service_pb2_grpc,
    voice_service_pb2_grpc,
)
from antiphon_client.connection import ChannelOption, channel_options, service_config
from antiphon_client.ending import CallEnding
from antiphon_client.errors import from_rpc_error
from antiphon_compat.callers import CALLERS_KEY
from antiphon_compat.errors import from_client_error

Metadata = tuple[tuple[str, str], ...]
RequestT = TypeVar("RequestT")
EventT = TypeVar("EventT")
StreamedCall = grpc.aio.StreamStreamCall[Any, EventT] | grpc.aio.UnaryStreamCall[Any, EventT]
"""A running call of a generated asyncio stub that answers with a stream."""

REQUEST_ID_KEY = web.RequestKey("request_id", str)
FAILURE_KEY = web.RequestKey("failure", str)
"""Why a request failed, for the log; set where the status alone does not say it."""

SENT_STATUS_KEY = web.RequestKey("sent_status", int)
"""Status that has already gone out, also where the request is cut later."""

_LITTLE_AHEAD = (
    # gRPC would read ahead of a slow client as much as the connection can carry: many seconds of audio a stream.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 32 * 1024),
)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(r"[ -~]{1,512}")  # longer ones may be dropped; the standard asks for no more


class Upstream:
    """Stubs on one channel. Opens lazily and reconnects by itself."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Take over a channel."""
        self._channel = channel
        self.synthesis = synthesis_service_pb2_grpc.SynthesisServiceStub(self._channel)
        self.transcription = transcription_service_pb2_grpc.TranscriptionServiceStub(self._channel)
        self.conversation = conversation_service_pb2_grpc.ConversationServiceStub(self._channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self.voices = voice_service_pb2_grpc.VoiceServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    @classmethod
    async def open(cls, target: str) -> "Upstream":
        """Keep the address; nothing is sent before the first call."""
        options = await asyncio.to_thread(_channel_options, target)  # it reads the service config from a file
        return cls(grpc.aio.insecure_channel(target, options=[*options, *_LITTLE_AHEAD]))

    async def close(self) -> None:
        """Cancel what is still running and close the connection."""
        await self._channel.close()

    async def health(self, service: str = "", *, timeout_s: float = 2.0) -> str:
        """Name the status of a service, as ``grpc.health.v1`` spells it; UNREACHABLE if nobody answers.

        Args:
            service: A model id, or empty for the whole server.
            timeout_s: Seconds to wait.
        """
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = await self._health.Check(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            is_unknown = error.code() is grpc.StatusCode.NOT_FOUND
            return "SERVICE_UNKNOWN" if is_unknown else "UNREACHABLE"
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


UPSTREAM_KEY = web.AppKey("upstream", Upstream)


def _channel_options(target: str) -> list[ChannelOption]:
    options = dict(channel_options(target))
    config = json.loads(service_config())
    for method in config["methodConfig"]:
        if any(name.get("method") == "SynthesizeOnce" for name in method["name"]):
            method.pop("timeout", None)  # whoever listens sets the pace, and ends the call by leaving
    return list((options | {"grpc.service_config": json.dumps(config)}).items())


def call_metadata(request: web.Request, *, request_id: str = "") -> Metadata:
    """Pass on who asks: the request id, a name of the caller, and the trace if the caller sent a well-formed one."""
    found: Metadata = (("x-request-id", request_id or request[REQUEST_ID_KEY]),)
    if caller := request.app[CALLERS_KEY].name_of(request):
        found += (("x-antiphon-caller", caller),)
    traceparent = request.headers.get("traceparent", "")
    if _TRACEPARENT.fullmatch(traceparent):
        found += (("traceparent", traceparent),)
        tracestate = ",".join(request.headers.getall("tracestate", []))
        if _TRACESTATE.fullmatch(tracestate):
            found += (("tracestate", tracestate),)
    return found


@contextlib.contextmanager
def api_errors() -> Iterator[None]:
    """Turn a failed RPC into the error the HTTP caller gets.

    Raises:
        ApiError: The RPC failed.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise from_client_error(from_rpc_error(error)) from error


async def events_of(call: StreamedCall[EventT]) -> AsyncGenerator[EventT, None]:
    """Read a streamed answer; leaving early, for whatever reason, cancels the RPC.

    Raises:
        ApiError: The RPC failed.
    """
    ending = CallEnding(cast("grpc.aio.StreamStreamCall[Any, Any]", call))  # it needs only what all calls have
    try:
        async for event in call:
            yield event
    except grpc.aio.AioRpcError as error:
        await ending.settle()
        if not ending.is_ok:
            raise from_client_error(from_rpc_error(ending.error or error)) from error
    finally:
        call.cancel()


async def write_all(
    call: "grpc.aio.StreamStreamCall[RequestT, Any]", *requests: RequestT, is_last: bool = False
) -> None:
    """Write to a call, at the pace the server takes it; of one that has ended, the reading side says why.

    Args:
        call: A running call, which is read elsewhere.
        requests: What to write, in order.
        is_last: Nothing will follow.
    """
    task = asyncio.current_task()
    try:
        for request in requests:
            await call.write(request)
        if is_last:
            await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        return
    except asyncio.CancelledError:
        if task is not None and task.cancelling():
            raise
        # grpc raises this too when the call was cancelled under a waiting write.
