"""Turns on the real service with scripted engines, over gRPC."""

import pytest

from antiphon.speech.v1 import conversation_service_pb2 as pb
from support.fronts import running_front, scripted_engines
from support.scripted import ChatScript
from support.sessions import silence, voice

LIMIT_S = 20
REPLY = "We were in the park. I was cold! And you?"


def engines():
    return scripted_engines(chat=ChatScript(replies=(REPLY,)))


async def converse(audio: bytes, **config) -> list[pb.ConverseResponse]:
    """Say something, end the turn, and read until the end."""
    requests = [pb.ConverseRequest(config=config)]
    requests += [pb.ConverseRequest(audio=audio[at : at + 3_200]) for at in range(0, len(audio), 3_200)]
    requests.append(pb.ConverseRequest(end_turn={}))
    async with running_front(engines()) as service:
        call = service.conversation.Converse(iter(requests), timeout=LIMIT_S)
        return [response async for response in call]


@pytest.mark.parametrize("mode", ["ENDPOINT_MODE_MANUAL", "ENDPOINT_MODE_VOICE_ACTIVITY"])
@pytest.mark.parametrize("quiet_ms", [0, 1_000])
async def test_a_spoken_turn_is_answered_whoever_ends_its_utterance(mode, quiet_ms):
    log = await converse(voice(800) + silence(quiet_ms), text_only=True, transcription={"endpoint": {"mode": mode}})
    assert [entry.final.text for entry in log if entry.HasField("final")] == ["hello world"]
    assert [entry.reply_done.text for entry in log if entry.HasField("reply_done")] == [REPLY]
