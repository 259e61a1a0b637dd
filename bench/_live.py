"""Streams of recordings in real time, and what comes back on the clock of their audio."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from _settled import Partial, TimedWord, Utterance
from grpc import aio

from antiphon.speech.v1 import transcription_service_pb2 as pb
from antiphon.speech.v1 import transcription_service_pb2_grpc as pb_grpc
from support.recordings import RATE_HZ, Recording

MESSAGE_MS = 40
MESSAGE_BYTES = RATE_HZ * 2 * MESSAGE_MS // 1000
PAUSE_S = 1.0
"""Between two recordings: longer than the silence that ends an utterance."""
_FRAME_MS = 20
_LOUD_DBFS = -40.0


@dataclass(slots=True)
class Heard:
    """What a stream brought."""

    model: str = ""
    partial_model: str = ""
    utterances: dict[int, Utterance] = field(default_factory=lambda: defaultdict(Utterance))


def joined(chosen: Sequence[Recording]) -> bytes:
    """Recordings with a pause before each and after the last."""
    pause = bytes(2 * round(PAUSE_S * RATE_HZ))
    return pause + pause.join(one.pcm for one in chosen) + pause


def loud_ends_ms(pcm: bytes) -> list[float]:
    """Ends of all frames that are loud: where somebody speaks, by the recording alone."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64) / 32768
    size = RATE_HZ * _FRAME_MS // 1000
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    loud = np.sqrt(np.mean(frames**2, axis=1)) >= 10 ** (_LOUD_DBFS / 20)
    return [float((index + 1) * _FRAME_MS) for index in np.flatnonzero(loud)]


async def listened_live(
    channel: aio.Channel, pcm: bytes, config: pb.TranscriptionConfig, *, on_final: Callable[[], None] = lambda: None
) -> Heard:
    """Stream samples as they would be spoken; a message is sent when its last sample is due."""
    call = pb_grpc.TranscriptionServiceStub(channel).Transcribe(timeout=3600)
    await call.write(pb.TranscribeRequest(config=config))
    heard = Heard()
    began_at = time.perf_counter()

    async def feed() -> None:
        for number, start in enumerate(range(0, len(pcm), MESSAGE_BYTES), 1):
            await asyncio.sleep(max(0.0, began_at + number * MESSAGE_MS / 1000 - time.perf_counter()))
            await call.write(pb.TranscribeRequest(audio=pcm[start : start + MESSAGE_BYTES]))
        await call.write(pb.TranscribeRequest(finish=pb.FinishAudio()))

    feeding = asyncio.create_task(feed())
    async for response in call:
        _take(heard, response, (time.perf_counter() - began_at) * 1000)
        if response.WhichOneof("response") == "final":
            on_final()
    await feeding
    return heard


def _take(heard: Heard, response: pb.TranscribeResponse, at_ms: float) -> None:
    match response.WhichOneof("response"):
        case "started":
            heard.model, heard.partial_model = response.started.model, response.started.partial_model
        case "partial":
            one = response.partial
            partial = Partial(at_ms, one.text, one.num_settled_characters, one.interval_ms)
            heard.utterances[one.utterance_index].partials.append(partial)
        case "final":
            final = response.final
            utterance = heard.utterances[final.utterance_index]
            utterance.text, utterance.final_at_ms, utterance.end_ms = final.text, at_ms, final.end_ms
            utterance.words = [TimedWord(word.text, word.end_ms) for word in final.words]
