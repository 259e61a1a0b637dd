"""A scripted gRPC server and the real HTTP front before it, for what a real engine cannot do on demand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import grpc
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from antiphon.speech.v1 import (
    audio_pb2,
    conversation_service_pb2,
    conversation_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    report_pb2,
    synthesis_service_pb2,
    synthesis_service_pb2_grpc,
    transcription_service_pb2,
    transcription_service_pb2_grpc,
    voice_pb2,
    voice_service_pb2,
    voice_service_pb2_grpc,
)
from antiphon.speech.v1.error_table import ERROR_TABLE
from antiphon_compat.app import build_app
from antiphon_compat.config import CompatConfig
from antiphon_compat.http_server import HttpRunner
from antiphon_compat.upstream import Upstream

SpeechEvent = synthesis_service_pb2.SynthesizeOnceResponse
SpeechRequest = synthesis_service_pb2.SynthesizeOnceRequest
ReciteEvent = synthesis_service_pb2.SynthesizeResponse
ReciteRequest = synthesis_service_pb2.SynthesizeRequest
ListenEvent = transcription_service_pb2.TranscribeResponse
ListenRequest = transcription_service_pb2.TranscribeRequest
TalkEvent = conversation_service_pb2.ConverseResponse
TalkRequest = conversation_service_pb2.ConverseRequest

LIMIT_S = 10.0


class Refusal(Exception):
    """Raised by a script to end its call with a row of the error table."""

    def __init__(self, reason: str, message: str = "no", *, field: str = "", retry_after_s: float | None = None):
        super().__init__(message)
        self.reason, self.message, self.field, self.retry_after_s = reason, message, field, retry_after_s

    def status(self) -> grpc.Status:
        details: list[any_pb2.Any] = []
        for detail in self._details():
            packed = any_pb2.Any()
            packed.Pack(detail)
            details.append(packed)
        code = getattr(grpc.StatusCode, ERROR_TABLE[self.reason].grpc_code)
        return rpc_status.to_status(status_pb2.Status(code=code.value[0], message=self.message, details=details))

    def _details(self):
        yield error_details_pb2.ErrorInfo(reason=self.reason, domain="antiphon.speech.v1")
        if self.field:
            violation = error_details_pb2.BadRequest.FieldViolation(field=self.field, description=self.message)
            yield error_details_pb2.BadRequest(field_violations=[violation])
        if self.retry_after_s is not None:
            delay = duration_pb2.Duration()
            delay.FromMilliseconds(int(self.retry_after_s * 1000))
            yield error_details_pb2.RetryInfo(retry_delay=delay)


async def speak_two_chunks(request: SpeechRequest) -> AsyncIterator[SpeechEvent]:
    yield speech_started()
    yield speech_audio(b"\x01\x00" * 4)
    yield speech_audio(b"\x02\x00" * 4)
    yield speech_done()


async def recite_utterances(requests: AsyncIterator[ReciteRequest]) -> AsyncIterator[ReciteEvent]:
    """Speak each utterance, its letters as bytes, when it is flushed or the call finished."""
    said, number = "", 0
    async for request in requests:
        if request.HasField("config"):
            yield recite_started()
        said += request.text.text
        if said and (request.HasField("flush") or request.HasField("finish")):
            number += 1
            for event in recited(f"u{number}", said.encode()):
                yield event
            said = ""
        if request.HasField("finish"):
            return


def recite_started(**fields: object) -> ReciteEvent:
    config = synthesis_service_pb2.SynthesisConfig(voice="nora")
    started = synthesis_service_pb2.SynthesisStarted(
        model="mouth", sample_rate_hz=24000, config=config, idle_timeout_ms=60_000, max_text_bytes=131_072, **fields
    )
    return ReciteEvent(started=started)


def recited(utterance_id: str, data: bytes) -> list[ReciteEvent]:
    """All events of one utterance."""
    s = synthesis_service_pb2
    done = s.UtteranceDone(utterance_id=utterance_id, finish_reason=report_pb2.FINISH_REASON_STOP, seed=7)
    return [
        ReciteEvent(utterance_started=s.UtteranceStarted(utterance_id=utterance_id)),
        ReciteEvent(audio=audio_pb2.AudioChunk(data=data, utterance_id=utterance_id)),
        ReciteEvent(utterance_done=done),
    ]


async def hear_hello(requests: AsyncIterator[ListenRequest]) -> AsyncIterator[ListenEvent]:
    num_bytes = 0
    async for request in requests:
        num_bytes += len(request.audio)
    yield ListenEvent(started=transcription_service_pb2.TranscriptionStarted(model="ears"))
    yield ListenEvent(final=transcription_service_pb2.FinalTranscript(text=f"hello {num_bytes}"))
    yield ListenEvent(done=transcription_service_pb2.TranscriptionDone(audio_ms=1500))


async def reply_hello(requests: AsyncIterator[TalkRequest]) -> AsyncIterator[TalkEvent]:
    async for request in requests:
        if request.HasField("end_turn"):
            yield TalkEvent(final=transcription_service_pb2.FinalTranscript(text="hi"))
    for event in reply_events():
        yield event


def reply_events() -> list[TalkEvent]:
    c = conversation_service_pb2
    return [
        TalkEvent(delivery=c.Delivery(tokens="<|emotion:contentment|>", emotion="contentment")),
        TalkEvent(reply_delta=c.ReplyDelta(text="Hello.")),
        TalkEvent(audio_started=c.ReplyAudioStarted(sample_rate_hz=24000)),
        TalkEvent(audio=audio_pb2.AudioChunk(data=b"\x01\x00")),
        TalkEvent(reply_delta=c.ReplyDelta(text=" You.")),
        TalkEvent(audio=audio_pb2.AudioChunk(data=b"\x02\x00")),
        TalkEvent(audio_done=c.ReplyAudioDone(num_samples=2)),
        TalkEvent(reply_done=c.ReplyDone(text="Hello. You.")),
    ]


def speech_started(**fields: object) -> SpeechEvent:
    return SpeechEvent(started=synthesis_service_pb2.SynthesisStarted(model="mouth", sample_rate_hz=24000, **fields))


def speech_audio(data: bytes) -> SpeechEvent:
    return SpeechEvent(audio=audio_pb2.AudioChunk(data=data))


def speech_done() -> SpeechEvent:
    done = synthesis_service_pb2.UtteranceDone(finish_reason=report_pb2.FINISH_REASON_STOP, seed=7)
    return SpeechEvent(utterance_done=done)


class Peer(
    synthesis_service_pb2_grpc.SynthesisServiceServicer,
    transcription_service_pb2_grpc.TranscriptionServiceServicer,
    conversation_service_pb2_grpc.ConversationServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
    voice_service_pb2_grpc.VoiceServiceServicer,
):
    """Plays the scripts and keeps what it was asked."""

    def __init__(self) -> None:
        self.speak: Callable[[SpeechRequest], AsyncIterator[SpeechEvent]] = speak_two_chunks
        self.recite: Callable[[AsyncIterator[ReciteRequest]], AsyncIterator[ReciteEvent]] = recite_utterances
        self.listen: Callable[[AsyncIterator[ListenRequest]], AsyncIterator[ListenEvent]] = hear_hello
        self.talk: Callable[[AsyncIterator[TalkRequest]], AsyncIterator[TalkEvent]] = reply_hello
        self.models = [
            model_service_pb2.Model(
                id="mouth", aliases=["tts-1"], state=model_service_pb2.MODEL_STATE_READY, owner="us"
            ),
            model_service_pb2.Model(id="absent", state=model_service_pb2.MODEL_STATE_NOT_INSTALLED),
        ]
        self.voices = [
            voice_pb2.Voice(id="nora", name="Nora", kind=voice_pb2.VOICE_KIND_NATURAL, model="mouth", languages=["en"]),
            voice_pb2.Voice(id="nora-low", kind=voice_pb2.VOICE_KIND_VARIANT, model="mouth", aliases=["echo"]),
        ]
        self.requests: list[object] = []
        self.metadata: list[dict[str, str]] = []
        self.time_limits: list[float | None] = []
        self.cancelled = asyncio.Event()
        self.called = asyncio.Event()
        self.num_calls = 0

    async def SynthesizeOnce(self, request, context):
        async for event in self._play(self.speak(self._keep(request)), context):
            yield event

    async def Synthesize(self, requests, context):
        async for event in self._play(self.recite(self._kept(requests)), context):
            yield event

    async def Transcribe(self, requests, context):
        async for event in self._play(self.listen(self._kept(requests)), context):
            yield event

    async def Converse(self, requests, context):
        async for event in self._play(self.talk(self._kept(requests)), context):
            yield event

    async def ListModels(self, request, context):
        return model_service_pb2.ListModelsResponse(models=self.models)

    async def GetModel(self, request, context):
        found = [model for model in self.models if request.model in (model.id, *model.aliases)]
        if not found:
            refusal = Refusal("UNKNOWN_MODEL", "There is no such model.", field="model")
            await context.abort_with_status(refusal.status())
        return model_service_pb2.GetModelResponse(model=found[0])

    async def ListVoices(self, request, context):
        self.requests.append(request)
        at = int(request.page_token or 0)
        token = str(at + 1) if at + 1 < len(self.voices) else ""  # a page of one, so that there are several
        return voice_service_pb2.ListVoicesResponse(voices=self.voices[at : at + 1], next_page_token=token)

    async def GetVoice(self, request, context):
        found = [voice for voice in self.voices if request.voice in (voice.id, *voice.aliases)]
        if not found:
            refusal = Refusal("NOT_FOUND", "There is no such voice.", field="voice")
            await context.abort_with_status(refusal.status())
        return voice_service_pb2.GetVoiceResponse(voice=found[0])

    async def DeleteVoice(self, request, context):
        await context.abort_with_status(Refusal("NOT_BUILT", "Voices are not stored yet.").status())

    async def _play(self, script, context):
        self.num_calls += 1
        self.called.set()
        self.time_limits.append(context.time_remaining())
        self.metadata.append({key: str(value) for key, value in context.invocation_metadata()})
        try:
            async for event in script:
                yield event
        except Refusal as refusal:
            await context.abort_with_status(refusal.status())
        except (asyncio.CancelledError, GeneratorExit):  # the latter where grpc was cancelled while it sent an event
            self.cancelled.set()
            raise

    def _keep(self, request):
        self.requests.append(request)
        return request

    async def _kept(self, requests):
        async for request in requests:
            yield self._keep(request)


@contextlib.asynccontextmanager
async def serving(peer: Peer) -> AsyncIterator[str]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])  # or port 0 may be that of another test
    synthesis_service_pb2_grpc.add_SynthesisServiceServicer_to_server(peer, server)
    transcription_service_pb2_grpc.add_TranscriptionServiceServicer_to_server(peer, server)
    conversation_service_pb2_grpc.add_ConversationServiceServicer_to_server(peer, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(peer, server)
    voice_service_pb2_grpc.add_VoiceServiceServicer_to_server(peer, server)
    checks = health.aio.HealthServicer()
    for service in ("", "mouth"):
        await checks.set(service, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


class Front(TestServer):
    """The application on the connections that the process has."""

    async def _make_runner(self, **_: object) -> HttpRunner:
        assert self.app is not None
        return HttpRunner(self.app, grace_s=LIMIT_S)


@contextlib.asynccontextmanager
async def front(address: str, **settings: object) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = build_app(CompatConfig(server=address, grace_s=10, **settings), await Upstream.open(address))
    async with TestClient(Front(app)) as http:
        yield http


@contextlib.asynccontextmanager
async def compat(
    **settings: object,
) -> AsyncIterator[tuple[Peer, TestClient[web.Request, web.Application]]]:
    """Run both; the settings are those of the front."""
    peer = Peer()
    async with serving(peer) as address, front(address, **settings) as http:
        yield peer, http
