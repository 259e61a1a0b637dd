"""Calls that several benchmarks make, with the plain stubs: what a stranger would measure."""

import asyncio
import time
from dataclasses import dataclass, field

import grpc
from grpc import aio

from antiphon.speech.v1 import audio_pb2, transcription_service_pb2
from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc
from antiphon.speech.v1 import transcription_service_pb2_grpc as transcription_grpc

MESSAGE_BYTES = 64_000
TWO_SENTENCES = "The train to the coast leaves at seven. Please be on the platform ten minutes early."
LONG_TEXT = " ".join(
    (
        "The harbour was quiet when the first boats came in.",
        "Nobody had expected them before noon, and the market was still closed.",
        "A boy ran along the pier and shouted the names of the crews.",
        "By ten o'clock there were baskets of fish on every table, and the whole town smelled of salt.",
        "The old woman from the lighthouse bought two herrings, as she did every Friday.",
        "She paid with coins that were older than most of the fishermen.",
        "Then the fog came back, and one by one the boats went out again.",
        "It was a good morning, everybody said, although nobody could say exactly why.",
    )
)


@dataclass
class Spoken:
    """What came back from one synthesis, with times since the call was begun."""

    first_audio_ms: float = 0.0
    total_ms: float = 0.0
    pcm: bytearray = field(default_factory=bytearray)
    rate_hz: int = 24_000

    @property
    def audio_ms(self) -> float:
        return len(self.pcm) / 2 / self.rate_hz * 1000


def speech_config(rate_hz: int = 24_000, voice: str = "") -> pb.SynthesisConfig:
    encoding = audio_pb2.AUDIO_ENCODING_PCM_S16LE
    return pb.SynthesisConfig(voice=voice, format=audio_pb2.AudioFormat(encoding=encoding, sample_rate_hz=rate_hz))


async def speak(stub: "pb_grpc.SynthesisServiceAsyncStub", text: str, *, rate_hz: int = 24_000) -> Spoken:
    """Speak a text through the bidirectional call."""
    began_at = time.perf_counter()
    spoken = Spoken(rate_hz=rate_hz)
    call = stub.Synthesize(timeout=60)
    await call.write(pb.SynthesizeRequest(config=speech_config(rate_hz)))
    await call.write(pb.SynthesizeRequest(text=pb.TextInput(text=text)))
    await call.write(pb.SynthesizeRequest(finish=pb.FinishText()))
    async for response in call:
        if response.WhichOneof("response") == "audio":
            if not spoken.pcm:
                spoken.first_audio_ms = (time.perf_counter() - began_at) * 1000
            spoken.pcm += response.audio.data
    spoken.total_ms = (time.perf_counter() - began_at) * 1000
    if await call.code() != grpc.StatusCode.OK or not spoken.pcm:
        raise RuntimeError(f"the synthesis failed: {await call.details()}")
    return spoken


async def clip_of_5_s(channel: aio.Channel) -> bytes:
    """Five seconds of speech at 16 000 Hz, made by the server itself."""
    text = "We walked along the river until the sun went down, and then we took the last bus back to the old town."
    spoken = await speak(pb_grpc.SynthesisServiceStub(channel), text, rate_hz=16_000)
    wanted_bytes = 5 * 16_000 * 2
    return bytes(spoken.pcm[:wanted_bytes]).ljust(wanted_bytes, b"\0")


async def transcribe_once(channel: aio.Channel, pcm: bytes, *, language: str, word_times: bool) -> float:
    """Transcribe a clip by the unary call; milliseconds."""
    began_at = time.perf_counter()
    response = await transcription_grpc.TranscriptionServiceStub(channel).TranscribeOnce(
        transcription_service_pb2.TranscribeOnceRequest(
            config=listen_config(language, word_times=word_times), audio=pcm
        )
    )
    if not response.text:
        raise RuntimeError("nothing was heard")
    return (time.perf_counter() - began_at) * 1000


async def text_once(channel: aio.Channel, pcm: bytes, language: str) -> str:
    """What the unary call hears in a clip; may be nothing."""
    request = transcription_service_pb2.TranscribeOnceRequest(config=listen_config(language), audio=pcm)
    return str((await transcription_grpc.TranscriptionServiceStub(channel).TranscribeOnce(request)).text)


async def text_streamed(
    channel: aio.Channel, audio: bytes, config: transcription_service_pb2.TranscriptionConfig
) -> tuple[str, int]:
    """Stream a recording as fast as it is taken; its text, and how many warnings came."""
    call = transcription_grpc.TranscriptionServiceStub(channel).Transcribe(timeout=3600)
    await call.write(transcription_service_pb2.TranscribeRequest(config=config))

    async def feed() -> None:
        for start in range(0, len(audio), MESSAGE_BYTES):
            data = audio[start : start + MESSAGE_BYTES]
            await call.write(transcription_service_pb2.TranscribeRequest(audio=data))
        await call.write(transcription_service_pb2.TranscribeRequest(finish=transcription_service_pb2.FinishAudio()))

    feeding = asyncio.create_task(feed())
    texts, num_warnings = [], 0
    async for response in call:
        kind = response.WhichOneof("response")
        num_warnings += kind == "warning"
        texts += [response.final.text] if kind == "final" else []
    await feeding
    return " ".join(texts).strip(), num_warnings


def listen_config(language: str = "en", *, word_times: bool = False) -> transcription_service_pb2.TranscriptionConfig:
    encoding = audio_pb2.AUDIO_ENCODING_PCM_S16LE
    audio_format = audio_pb2.AudioFormat(encoding=encoding, sample_rate_hz=16_000)
    return transcription_service_pb2.TranscriptionConfig(format=audio_format, language=language, word_times=word_times)
