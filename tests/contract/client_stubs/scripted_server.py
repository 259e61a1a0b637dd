"""A real grpc.aio server on port 0 whose streaming methods do, call by call, what a test wrote down."""

import contextlib
import dataclasses
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from antiphon.speech.v1 import (
    audio_pb2,
    conversation_service_pb2_grpc,
    report_pb2,
    synthesis_service_pb2,
    synthesis_service_pb2_grpc,
    transcription_service_pb2_grpc,
)

Behaviour = Callable[[AsyncIterator[Any], grpc.aio.ServicerContext], AsyncIterator[Any]]


class _Streams(
    synthesis_service_pb2_grpc.SynthesisServiceServicer,
    transcription_service_pb2_grpc.TranscriptionServiceServicer,
    conversation_service_pb2_grpc.ConversationServiceServicer,
):
    def __init__(self, behaviours: list[Behaviour]):
        self._behaviours = behaviours
        self.num_calls = 0

    async def Synthesize(self, request_iterator, context):
        async for response in self._next()(request_iterator, context):
            yield response

    Transcribe = Synthesize
    Converse = Synthesize

    def _next(self) -> Behaviour:
        self.num_calls += 1
        return self._behaviours.pop(0)


@dataclasses.dataclass
class ScriptedServer:
    target: str
    streams: _Streams

    @property
    def num_calls(self) -> int:
        return self.streams.num_calls


@contextlib.asynccontextmanager
async def scripted_server(*behaviours: Behaviour) -> AsyncIterator[ScriptedServer]:
    """Serve one behaviour a call, in order."""
    streams = _Streams(list(behaviours))
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])  # or port 0 may be that of another test
    synthesis_service_pb2_grpc.add_SynthesisServiceServicer_to_server(streams, server)
    transcription_service_pb2_grpc.add_TranscriptionServiceServicer_to_server(streams, server)
    conversation_service_pb2_grpc.add_ConversationServiceServicer_to_server(streams, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield ScriptedServer(f"127.0.0.1:{port}", streams)
    finally:
        await server.stop(None)


def rich_status(
    code: grpc.StatusCode, reason: str, *, message="told so", field="", retry_after_s=None, domain="antiphon.speech.v1"
) -> status_pb2.Status:
    """The status a server of the contract ends a failed call with."""
    details = [error_details_pb2.ErrorInfo(reason=reason, domain=domain)]
    details.append(error_details_pb2.RequestInfo(request_id="req-1"))
    if field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if retry_after_s is not None:
        delay = duration_pb2.Duration(nanos=int(retry_after_s * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed = [any_pb2.Any() for _ in details]
    for target, detail in zip(packed, details, strict=True):
        target.Pack(detail)
    return status_pb2.Status(code=code.value[0], message=message, details=packed)


def failing(status: status_pb2.Status) -> Behaviour:
    """Refuse the call before any response."""

    async def behave(requests, context):
        await context.abort_with_status(rpc_status.to_status(status))
        yield

    return behave


def started(rate_hz: int = 24_000) -> synthesis_service_pb2.SynthesizeResponse:
    response = synthesis_service_pb2.SynthesizeResponse()
    response.started.request_id = "req-1"
    response.started.sample_rate_hz = rate_hz
    return response


def audio(data: bytes, sequence: int = 0, utterance_id: str = "u0") -> synthesis_service_pb2.SynthesizeResponse:
    chunk = audio_pb2.AudioChunk(data=data, sequence=sequence, utterance_id=utterance_id, num_samples=len(data) // 2)
    return synthesis_service_pb2.SynthesizeResponse(audio=chunk)


def utterance_done(data: bytes) -> synthesis_service_pb2.SynthesizeResponse:
    response = synthesis_service_pb2.SynthesizeResponse()
    response.utterance_done.utterance_id = "u0"
    response.utterance_done.num_samples = len(data) // 2
    response.utterance_done.finish_reason = report_pb2.FINISH_REASON_STOP
    response.utterance_done.crc32 = zlib.crc32(data)
    return response


async def echo(requests, context):
    """Speak each text message at once: its bytes, twice, are the audio."""
    await anext(aiter(requests))
    yield started()
    spoken, sequence = b"", 0
    async for request in requests:
        if request.WhichOneof("request") == "text":
            data = request.text.text.encode() * 2
            yield audio(data, sequence)
            spoken, sequence = spoken + data, sequence + 1
        elif request.WhichOneof("request") == "finish":
            break
    yield utterance_done(spoken)
