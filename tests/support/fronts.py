"""The gRPC front in this process, on port 0, with scripted engines and no children."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from antiphon.speech.v1 import (
    conversation_service_pb2_grpc,
    model_service_pb2_grpc,
    synthesis_service_pb2_grpc,
    transcription_service_pb2_grpc,
    voice_service_pb2_grpc,
)
from antiphon.speech.v1.error_table import ERROR_TABLE
from antiphon_server.config.settings import Config, Limits
from antiphon_server.engine.admission import Admission
from antiphon_server.engine.chat import ChatModel
from antiphon_server.engine.protocol import EngineInfo, LiveTranscriber, Synthesizer, Transcriber, VoiceActivity
from antiphon_server.engine.roster import Roster, Standing
from antiphon_server.engine.spec import Role
from antiphon_server.errors import SpeechError
from antiphon_server.rpc.server import Front
from support.scripted import (
    ChatScript,
    ListenScript,
    ScriptedChatModel,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    ScriptedVoiceActivity,
    SpeechScript,
    VoiceScript,
)

DOMAIN = "antiphon.speech.v1"


@dataclass
class Engines:
    synthesizer: Synthesizer
    transcriber: Transcriber
    voice_activity: VoiceActivity
    chat: ChatModel
    refusals: dict[Role, SpeechError]
    """Put an error in, and the role's engine refuses with it."""
    live: LiveTranscriber | None = None


@dataclass
class RunningFront:
    front: Front
    address: str
    channel: grpc.aio.Channel
    engines: Engines

    def __post_init__(self) -> None:
        self.synthesis = synthesis_service_pb2_grpc.SynthesisServiceStub(self.channel)
        self.transcription = transcription_service_pb2_grpc.TranscriptionServiceStub(self.channel)
        self.conversation = conversation_service_pb2_grpc.ConversationServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)
        self.voices = voice_service_pb2_grpc.VoiceServiceStub(self.channel)

    @property
    def doors(self) -> list[Admission]:
        return list(self.front._doors.values())

    async def settled(self) -> None:
        """Wait until no call is left; fails after some seconds."""
        async with asyncio.timeout(5):
            while any(door.num_running for door in self.doors):
                await asyncio.sleep(0.002)


def scripted_engines(
    speech: SpeechScript | None = None, listen: ListenScript | None = None, chat: ChatScript | None = None
) -> Engines:
    return Engines(
        ScriptedSynthesizer(speech or SpeechScript()),
        ScriptedTranscriber(listen or ListenScript()),
        ScriptedVoiceActivity(VoiceScript()),
        ScriptedChatModel(chat or ChatScript()),
        {},
    )


@asynccontextmanager
async def running_front(
    engines: Engines | None = None, *, config: Config | None = None, is_strict: bool = False, **limits: int
) -> AsyncIterator[RunningFront]:
    """Serve; ``limits`` are fields of Limits."""
    found = engines or scripted_engines()
    settings = replace(config or Config(), listen="127.0.0.1:0", limits=replace(Limits(), **limits))
    front = Front(await _roster(found, settings, is_strict), settings)
    address = await front.start()
    async with grpc.aio.insecure_channel(address, options=[("grpc.max_send_message_length", 64 << 20)]) as channel:
        try:
            yield RunningFront(front, address, channel, found)
        finally:
            await front.stop(0)


async def _roster(engines: Engines, config: Config, is_strict: bool) -> Roster:
    infos: dict[Role, EngineInfo] = {
        "synthesizer": await engines.synthesizer.info(),
        "transcriber": await engines.transcriber.info(),
        "voice_activity": await engines.voice_activity.info(),
        "chat": await engines.chat.info(),
    }

    if engines.live is not None:
        infos["live_transcriber"] = await engines.live.info()

    def standing(role: Role) -> Standing:
        refusal = engines.refusals.get(role)
        return Standing("restarting" if refusal else "ready", infos[role], refusal)

    return Roster(
        engines.synthesizer,
        engines.transcriber,
        engines.voice_activity,
        engines.chat,
        standing,
        config.model_aliases,
        config.voice_aliases,
        is_strict=is_strict,
        live=engines.live,
    )


@dataclass
class Refused:
    """A call that failed, taken apart."""

    code: grpc.StatusCode
    message: str
    reason: str
    fields: list[str]
    retry_after_s: float | None
    request_id: str
    trailers: dict[str, Any]

    @classmethod
    def of(cls, error: grpc.RpcError) -> "Refused":
        status = rpc_status.from_call(_Ended(error))
        details: dict[type[Message], Any] = {}
        for packed in status.details if status else ():
            for kind in _DETAILS:
                if packed.Is(kind.DESCRIPTOR):
                    found = kind()
                    packed.Unpack(found)
                    details[kind] = found
        info = details.get(error_details_pb2.ErrorInfo)
        assert info is None or info.domain == DOMAIN
        retry = details.get(error_details_pb2.RetryInfo)
        bad = details.get(error_details_pb2.BadRequest)
        request = details.get(error_details_pb2.RequestInfo)
        return cls(
            code=error.code(),
            message=error.details() or "",
            reason=info.reason if info else "",
            fields=[violation.field for violation in bad.field_violations] if bad else [],
            retry_after_s=retry.retry_delay.ToNanoseconds() / 1e9 if retry else None,
            request_id=request.request_id if request else "",
            trailers=dict(error.trailing_metadata() or ()),
        )

    def check(self) -> None:
        """The reason is of the table, and code, retry and trailers go with it."""
        assert self.reason in ERROR_TABLE, self
        row = ERROR_TABLE[self.reason]
        assert self.code is grpc.StatusCode[row.grpc_code]
        assert (self.retry_after_s is not None) == row.is_retryable
        if row.is_retryable:
            assert self.trailers["grpc-retry-pushback-ms"] == str(round((self.retry_after_s or 0) * 1000))
        assert self.request_id
        assert self.trailers["x-request-id"] == self.request_id


class _Ended:
    """What ``rpc_status`` reads of a call."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.trailing_metadata = error.trailing_metadata
        self.code = error.code
        self.details = error.details


_DETAILS = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.RetryInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.RequestInfo,
)
