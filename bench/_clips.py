"""Speech to transcribe: whole sentences of the default voice, as many as fit, then silence up to the length."""

import io
import wave
from dataclasses import dataclass

from _calls import LONG_TEXT, speak
from grpc import aio

from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc

RATE_HZ = 16_000
GAP_S = 0.4
SENTENCES = (
    "The harbour was quiet this morning.",
    *(f"{sentence.rstrip('.')}." for sentence in LONG_TEXT.split(". ")),
    "In the afternoon a letter arrived from the capital, and the teacher read it aloud to the whole class.",
    "It said that a new bridge would be built before winter, and that everybody could apply for the work.",
    "My uncle had built bridges all his life, so he packed his tools and walked to the station the same evening.",
    "We watched the lights of the train until they disappeared behind the hills.",
    "He wrote to us every month, and every letter smelled a little of iron and cold water.",
    "When the bridge was finished, he sent a photograph, and my mother put it above the kitchen table.",
    "Years later I crossed it for the first time, and I was surprised how small it was.",
    "Still, it is the only bridge in the country that has never been closed.",
)


@dataclass(frozen=True, slots=True)
class Clip:
    """A WAV file and the words in it."""

    length_s: int
    wav: bytes
    text: str


async def clips(channel: aio.Channel, *lengths_s: int) -> list[Clip]:
    """Have clips of these lengths spoken, in seconds."""
    stub = pb_grpc.SynthesisServiceStub(channel)
    spoken = [bytes((await speak(stub, sentence, rate_hz=RATE_HZ)).pcm) for sentence in SENTENCES]
    return [_clip(spoken, length_s) for length_s in lengths_s]


def _clip(spoken: list[bytes], length_s: int) -> Clip:
    pcm, said, room = bytearray(), [], length_s * RATE_HZ * 2
    for sentence, samples in zip(SENTENCES, spoken, strict=True):
        if len(pcm) + len(samples) > room:
            break
        pcm += samples + bytes(round(GAP_S * RATE_HZ) * 2)
        said.append(sentence)
    return Clip(length_s, _wav(bytes(pcm[:room]).ljust(room, b"\0")), " ".join(said))


def _wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(pcm)
    return file.getvalue()
