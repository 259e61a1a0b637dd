"""Converse from a backend service with plain grpcio and generated stubs: one typed turn after another.

python conversation_sync.py "What is a lute?" "And who plays it?"
"""

import queue
import sys
from collections.abc import Callable, Iterable, Iterator

import grpc

from antiphon.speech.v1.conversation_service_pb2 import (
    ConversationConfig,
    ConverseRequest,
    ConverseResponse,
    TextTurn,
)
from antiphon.speech.v1.conversation_service_pb2_grpc import ConversationServiceStub


class TurnFailed(Exception):
    """The server could not answer a turn; the conversation itself goes on."""


def converse(
    channel: grpc.Channel,
    turns: Iterable[str],
    *,
    config: ConversationConfig | None = None,
    on_audio: Callable[[bytes], object] = len,
) -> Iterator[str]:
    """Send each turn when the reply before it is complete; give the replies' texts, hand their sound to on_audio."""
    waiting: queue.SimpleQueue[ConverseRequest | None] = queue.SimpleQueue()
    waiting.put(ConverseRequest(config=config or ConversationConfig()))
    call = ConversationServiceStub(channel).Converse(iter(waiting.get, None))
    try:
        for turn in turns:
            waiting.put(ConverseRequest(text_turn=TextTurn(text=turn)))
            yield read_reply(call, on_audio)
        waiting.put(None)  # half-close: the server ends the call
        for _ in call:
            pass
    finally:
        waiting.put(None)  # frees the thread that sends, also after a failure
        call.cancel()  # no effect on a call that has ended


def read_reply(log: Iterator[ConverseResponse], on_audio: Callable[[bytes], object]) -> str:
    """Follow the log until the reply is complete."""
    for entry in log:
        match entry.WhichOneof("event"):
            case "audio":
                on_audio(entry.audio.data)
            case "failed":
                raise TurnFailed(entry.failed.message)
            case "reply_done":
                return entry.reply_done.text
    raise TurnFailed("the server ended the conversation")


def main(target: str, *turns: str) -> None:
    with grpc.insecure_channel(target) as channel:
        for reply in converse(channel, turns):
            print(reply)


if __name__ == "__main__":
    main(*sys.argv[1:])
