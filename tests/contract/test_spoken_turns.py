"""Turns on the real service with scripted engines, over gRPC and over ``/ws/voice``."""

from contextlib import asynccontextmanager

import pytest
from compat_peer import front
from test_compat_voice import TEXT, receive_turn

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


@asynccontextmanager
async def socket():
    async with running_front(engines()) as service, front(service.address) as http, http.ws_connect("/ws/voice") as ws:
        yield ws


@pytest.mark.parametrize("mode", ["ENDPOINT_MODE_MANUAL", "ENDPOINT_MODE_VOICE_ACTIVITY"])
@pytest.mark.parametrize("quiet_ms", [0, 1_000])
async def test_a_spoken_turn_is_answered_whoever_ends_its_utterance(mode, quiet_ms):
    log = await converse(voice(800) + silence(quiet_ms), text_only=True, transcription={"endpoint": {"mode": mode}})
    assert [entry.final.text for entry in log if entry.HasField("final")] == ["hello world"]
    assert [entry.reply_done.text for entry in log if entry.HasField("reply_done")] == [REPLY]


async def test_deltas_joined_are_the_reply():
    log = await converse(voice(800))
    deltas = [entry.reply_delta.text for entry in log if entry.HasField("reply_delta")]
    assert len(deltas) == 3
    assert "".join(deltas) == log[-1].reply_done.text == REPLY


async def test_deltas_on_the_socket_joined_are_the_reply():
    async with socket() as ws:
        await ws.send_json(TEXT)
        events = [event for event in await receive_turn(ws) if isinstance(event, dict)]
    deltas = [event["text"] for event in events if event["type"] == "reply_delta"]
    assert len(deltas) == 3
    assert "".join(deltas) == events[-1]["text"] == REPLY


@pytest.mark.parametrize("quiet_ms", [0, 500])
async def test_silence_on_the_socket_is_an_empty_reply_with_its_times(quiet_ms):
    async with socket() as ws:
        await ws.send_json({"type": "start"})
        await ws.send_bytes(silence(quiet_ms))
        await ws.send_json({"type": "stop"})
        *_, final, done = await receive_turn(ws)
    assert (final["type"], final["text"]) == ("final", "")
    assert (done["type"], done["text"]) == ("reply_done", "")
    assert done["timings"]["total_ms"] >= final["timings"]["total_ms"]
