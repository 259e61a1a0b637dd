"""A caller who has nothing of ours but the .proto files: plain grpcio, synchronous stubs, all three conversations.

Run in the folder of the generated stubs: ``python stranger.py HOST:PORT``. Prints one JSON object.
"""

import json
import queue
import sys

import grpc

from antiphon.speech.v1 import (
    conversation_service_pb2 as conversation,
)
from antiphon.speech.v1 import (
    conversation_service_pb2_grpc as conversation_grpc,
)
from antiphon.speech.v1 import (
    synthesis_service_pb2 as synthesis,
)
from antiphon.speech.v1 import (
    synthesis_service_pb2_grpc as synthesis_grpc,
)
from antiphon.speech.v1 import (
    transcription_service_pb2 as transcription,
)
from antiphon.speech.v1 import (
    transcription_service_pb2_grpc as transcription_grpc,
)

RATE_HZ = 16_000
TIMEOUT_S = 60


class Requests:
    """What is still to be sent, written while responses are read."""

    def __init__(self):
        self._waiting = queue.SimpleQueue()
        self.put, self.stream = self._waiting.put, iter(self._waiting.get, None)

    def end(self):
        self._waiting.put(None)


def synthesize(channel):
    """Two utterances; the second is written only after the first was heard."""
    requests, kinds, audio = Requests(), [], bytearray()
    request = synthesis.SynthesizeRequest
    requests.put(request(config={"format": {"sample_rate_hz": RATE_HZ}}))
    requests.put(request(text={"text": "The sun is warm today."}))
    requests.put(request(flush={}))
    has_heard = False
    for response in synthesis_grpc.SynthesisServiceStub(channel).Synthesize(requests.stream, timeout=TIMEOUT_S):
        kind = response.WhichOneof("response")
        kinds.append(kind)
        if kind == "audio":
            audio += response.audio.data
            if not has_heard:
                has_heard = True
                requests.put(request(text={"text": "The water is cold."}))
                requests.put(request(finish={}))
                requests.end()
    return {"kinds": kinds}, bytes(audio)


def transcribe(channel, audio):
    """The same sound in small pieces."""
    requests, kinds, finals = Requests(), [], []
    request = transcription.TranscribeRequest
    requests.put(request(config={"format": {"sample_rate_hz": RATE_HZ}, "language": "en"}))
    for start in range(0, len(audio), 6400):
        requests.put(request(audio=audio[start : start + 6400]))
    requests.put(request(flush={}))
    requests.put(request(finish={}))
    requests.end()
    for response in transcription_grpc.TranscriptionServiceStub(channel).Transcribe(requests.stream, timeout=TIMEOUT_S):
        kinds.append(response.WhichOneof("response"))
        if kinds[-1] == "final":
            finals.append(response.final.text)
    return {"kinds": kinds, "text": " ".join(finals)}


def converse(channel, audio):
    """A typed turn, then a spoken one after its reply."""
    requests, kinds, replies, finals, num_audio_bytes = Requests(), [], [], [], 0
    request = conversation.ConverseRequest
    heard = {"format": {"sample_rate_hz": RATE_HZ}, "language": "en"}
    requests.put(request(config={"transcription": heard, "chat_sampling": {"max_tokens": 16}}))
    requests.put(request(text_turn={"text": "Hello, who are you?"}))
    for entry in conversation_grpc.ConversationServiceStub(channel).Converse(requests.stream, timeout=TIMEOUT_S):
        kinds.append(entry.WhichOneof("event"))
        if kinds[-1] == "audio":
            num_audio_bytes += len(entry.audio.data)
        elif kinds[-1] == "final":
            finals.append(entry.final.text)
        elif kinds[-1] == "reply_done":
            replies.append(entry.reply_done.text)
            if len(replies) == 1:
                for start in range(0, len(audio), 6400):
                    requests.put(request(audio=audio[start : start + 6400]))
                requests.put(request(end_turn={}))
                requests.end()
    return {"kinds": kinds, "replies": replies, "text": " ".join(finals), "num_audio_bytes": num_audio_bytes}


def main(target):
    with grpc.insecure_channel(target) as channel:
        spoken, audio = synthesize(channel)
        found = {"synthesize": {**spoken, "num_audio_bytes": len(audio)}, "transcribe": transcribe(channel, audio)}
        found["converse"] = converse(channel, audio)
    found["stubs"] = synthesis.__file__
    print(json.dumps(found))


main(*sys.argv[1:])
