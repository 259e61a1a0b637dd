"""Speak from a backend service with plain grpcio and generated stubs: text goes up while audio comes down.

python speak_sync.py "Hello there." hello.wav
"""

import queue
import sys
import wave
from collections.abc import Iterable, Iterator

import grpc

from antiphon.speech.v1.synthesis_service_pb2 import (
    FinishText,
    SynthesisConfig,
    SynthesisStarted,
    SynthesizeRequest,
    TextInput,
    UtteranceDone,
)
from antiphon.speech.v1.synthesis_service_pb2_grpc import SynthesisServiceStub


def requests(text: Iterable[str], config: SynthesisConfig) -> Iterator[SynthesizeRequest]:
    """The config first, then text as it is written, then the end."""
    yield SynthesizeRequest(config=config)
    for piece in text:
        yield SynthesizeRequest(text=TextInput(text=piece))
    yield SynthesizeRequest(finish=FinishText())


def speak(
    channel: grpc.Channel, text: Iterable[str], config: SynthesisConfig | None = None, *, timeout_s: float = 60.0
) -> Iterator[SynthesisStarted | bytes | UtteranceDone]:
    """Give what the server decided, then audio while it is made, then a report for each utterance."""
    stub = SynthesisServiceStub(channel)
    for response in stub.Synthesize(requests(text, config or SynthesisConfig()), timeout=timeout_s):
        match response.WhichOneof("response"):
            case "started":
                yield response.started
            case "audio":
                yield response.audio.data
            case "utterance_done":
                yield response.utterance_done


def pieces_of(waiting: "queue.Queue[str | None]") -> Iterator[str]:
    """Text that another thread is still writing, for example a language model's; None ends it."""
    while (piece := waiting.get()) is not None:
        yield piece


def main(text: str, path: str, target: str = "localhost:50051") -> None:
    with grpc.insecure_channel(target) as channel, wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        for event in speak(channel, [text]):
            if isinstance(event, SynthesisStarted):
                file.setframerate(event.sample_rate_hz)
            elif isinstance(event, bytes):
                file.writeframesraw(event)
            else:
                print(f"{event.num_samples} samples, first audio after {event.timings.first_output_ms:.0f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
