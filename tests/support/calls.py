"""Calls to a real server over gRPC."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from antiphon.speech.v1 import (
    audio_pb2,
    conversation_service_pb2_grpc,
    model_service_pb2_grpc,
    synthesis_service_pb2_grpc,
    transcription_service_pb2_grpc,
)
from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from antiphon.speech.v1 import transcription_service_pb2 as listen_pb
from support.servers import Server

LIMIT_S = 60.0
MESSAGE_BYTES = 32_000


@dataclass
class Stubs:
    channel: grpc.aio.Channel

    def __post_init__(self) -> None:
        self.synthesis = synthesis_service_pb2_grpc.SynthesisServiceStub(self.channel)
        self.transcription = transcription_service_pb2_grpc.TranscriptionServiceStub(self.channel)
        self.conversation = conversation_service_pb2_grpc.ConversationServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    async def speak(self, parts: Iterable[str], **config: Any) -> list[speech_pb.SynthesizeResponse]:
        """Speak text that comes in parts, over the stream."""
        requests = [speech_pb.SynthesizeRequest(config=speech_pb.SynthesisConfig(**config))]
        requests += [speech_pb.SynthesizeRequest(text=speech_pb.TextInput(text=part)) for part in parts]
        return [response async for response in self.synthesis.Synthesize(iter(requests), timeout=LIMIT_S)]

    async def speak_once(self, text: str, **config: Any) -> list[speech_pb.SynthesizeOnceResponse]:
        request = speech_pb.SynthesizeOnceRequest(text=text, config=speech_pb.SynthesisConfig(**config))
        return [response async for response in self.synthesis.SynthesizeOnce(request, timeout=LIMIT_S)]

    async def pcm(self, text: str, rate_hz: int = 16_000, **config: Any) -> bytes:
        """Speak a text as plain samples."""
        return audio_of(await self.speak_once(text, format={"sample_rate_hz": rate_hz}, **config))

    async def write_down(self, pcm: bytes, **config: Any) -> str:
        """Transcribe 16 000 Hz samples in one call."""
        encoding = audio_pb2.AUDIO_ENCODING_PCM_S16LE
        request = listen_pb.TranscribeOnceRequest(
            audio=pcm, config=listen_pb.TranscriptionConfig(format={"encoding": encoding}, **config)
        )
        return (await self.transcription.TranscribeOnce(request, timeout=LIMIT_S)).text

    async def listen(self, messages: Iterable[dict[str, Any]], **config: Any) -> list[listen_pb.TranscribeResponse]:
        """Transcribe over the stream."""
        requests = [listen_pb.TranscribeRequest(config=listen_pb.TranscriptionConfig(**config))]
        requests += [listen_pb.TranscribeRequest(**message) for message in messages]
        return [response async for response in self.transcription.Transcribe(iter(requests), timeout=LIMIT_S)]

    async def talk(self, messages: Iterable[dict[str, Any]], **config: Any) -> list[talk_pb.ConverseResponse]:
        """Hold a conversation whose messages are all sent at once."""
        requests = [talk_pb.ConverseRequest(config=talk_pb.ConversationConfig(**config))]
        requests += [talk_pb.ConverseRequest(**message) for message in messages]
        return [response async for response in self.conversation.Converse(iter(requests), timeout=LIMIT_S)]


@asynccontextmanager
async def calls_to(server: Server) -> AsyncIterator[Stubs]:
    options = [("grpc.max_receive_message_length", 32 << 20), ("grpc.max_send_message_length", 32 << 20)]
    async with grpc.aio.insecure_channel(server.grpc_target, options=options) as channel:
        yield Stubs(channel)


def audio_of(responses: Iterable[Any]) -> bytes:
    return b"".join(response.audio.data for response in responses if response.HasField("audio"))


def in_messages(pcm: bytes) -> list[dict[str, Any]]:
    """Audio in messages below the limit."""
    return [{"audio": pcm[start : start + MESSAGE_BYTES]} for start in range(0, len(pcm), MESSAGE_BYTES)]
