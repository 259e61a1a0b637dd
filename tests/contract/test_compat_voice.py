"""``/ws/voice`` against a scripted server: order of events, bad messages, turns that end early."""

import asyncio
import json

import aiohttp
import pytest
from compat_peer import LIMIT_S, Refusal, TalkEvent, compat, reply_events

from antiphon.speech.v1 import audio_pb2, conversation_service_pb2, error_reason_pb2, transcription_service_pb2

TEXT = {"type": "text", "text": "hello"}
REPLY = [
    {"type": "delivery", "tokens": "<|emotion:contentment|>", "emotion": "contentment"},
    {"type": "reply_delta", "text": "Hello."},
    {"type": "audio_start", "sample_rate": 24000},
    b"\x01\x00",
    {"type": "reply_delta", "text": " You."},
    b"\x02\x00",
    {"type": "audio_end"},
    {"type": "reply_done", "text": "Hello. You."},
]
BAD_MESSAGES = [
    "",
    "{",
    "[]",
    "null",
    '"start"',
    "[" * 50_000,
    '{"type": "text", "text": NaN}',
    {},
    {"type": None},
    {"type": 1},
    {"type": "speak"},
    {"type": "text"},
    {"type": "text", "text": ""},
    {"type": "text", "text": " \n"},
    {"type": "text", "text": 1},
    {"type": "text", "text": "\ud800"},
    {"type": "text", "text": "a" * 32_769},
    {"type": "start", "scenario_id": 1},
    {"type": "start", "scenario_id": "s" * 257},
    {"type": "start", "history": "hi"},
    {"type": "start", "history": [1]},
    {"type": "start", "history": [{"content": "hi"}]},
    {"type": "start", "history": [{"role": "tool", "content": "hi"}]},
    {"type": "start", "history": [{"role": ["user"], "content": "hi"}]},
    {"type": "start", "history": [{"role": "user"}]},
    {"type": "start", "history": [{"role": "user", "content": 1}]},
    {"type": "start", "history": [{"role": "user", "content": "hi"}] * 257},
    {"type": "start", "history": [{"role": "user", "content": "a" * 40_000}] * 2},
    {"type": "stop"},
]


async def receive(ws) -> object:
    async with asyncio.timeout(LIMIT_S):
        message = await ws.receive()
    if message.type is aiohttp.WSMsgType.BINARY:
        return message.data
    assert message.type is aiohttp.WSMsgType.TEXT, message
    return json.loads(message.data)


async def receive_turn(ws) -> list[object]:
    events = []
    while not events or not isinstance(events[-1], dict) or events[-1]["type"] not in ("reply_done", "error"):
        events.append(await receive(ws))
    return events


def final(text: str) -> TalkEvent:
    return TalkEvent(final=transcription_service_pb2.FinalTranscript(text=text))


async def test_typed_turn_answers_in_the_documented_order():
    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        await ws.send_json(TEXT)
        assert await receive_turn(ws) == REPLY
        config = peer.requests[0].config
        assert config.scenario_id == "daily"
        assert config.synthesis.format == audio_pb2.AudioFormat(
            encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=24000
        )
        assert peer.requests[1].text_turn.text == "hello"


async def test_spoken_turn_carries_history_and_audio_and_answers_its_final_first():
    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        history = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": ""},
            {"role": "system", "content": "x"},
        ]
        await ws.send_json({"type": "start", "scenario_id": "bedtime", "history": history})
        await ws.send_bytes(b"\x01\x00" * 40_000)
        await ws.send_bytes(b"")
        await ws.send_json({"type": "stop"})
        assert await receive_turn(ws) == [{"type": "final", "text": "hi"}, *REPLY]
        config = peer.requests[0].config
        assert config.scenario_id == "bedtime"
        assert [item.text for item in config.history] == ["hi", "x"]
        assert config.transcription.format.sample_rate_hz == 16000
        assert b"".join(request.audio for request in peer.requests) == b"\x01\x00" * 40_000
        assert max(len(request.audio) for request in peer.requests) <= 65_536


async def test_several_turns_share_a_socket_and_each_has_its_own_request_id():
    async with compat() as (peer, http), http.ws_connect("/ws/voice", headers={"x-request-id": "me"}) as ws:
        for _ in range(3):
            await ws.send_json(TEXT)
            assert (await receive_turn(ws))[-1] == REPLY[-1]
        assert [call["x-request-id"] for call in peer.metadata] == ["me.1", "me.2", "me.3"]


@pytest.mark.parametrize("message", BAD_MESSAGES, ids=lambda value: str(value)[:40])
async def test_bad_message_is_an_error_event_and_the_socket_goes_on(message):
    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        await ws.send_str(message if isinstance(message, str) else json.dumps(message))
        event = await receive(ws)
        assert list(event) == ["type", "detail"]
        assert event["type"] == "error"
        assert peer.num_calls == 0
        await ws.send_json(TEXT)
        assert await receive_turn(ws) == REPLY


async def test_audio_before_start_and_odd_audio_are_error_events():
    async with compat() as (_, http), http.ws_connect("/ws/voice") as ws:
        await ws.send_bytes(b"\x01\x00")
        assert await receive(ws) == {"type": "error", "detail": "Audio came before start."}
        await ws.send_json({"type": "start"})
        await ws.send_bytes(b"\x01\x00\x01")
        assert "3 bytes" in (await receive(ws))["detail"]
        await ws.send_json({"type": "stop"})
        assert (await receive_turn(ws))[-1] == REPLY[-1]


async def test_bad_message_leaves_a_running_turn_alone():
    async with compat() as (_, http), http.ws_connect("/ws/voice") as ws:
        await ws.send_json({"type": "start"})
        await ws.send_str("{")
        assert (await receive(ws))["type"] == "error"
        await ws.send_json({"type": "stop"})
        assert await receive_turn(ws) == [{"type": "final", "text": "hi"}, *REPLY]


@pytest.mark.parametrize("ending", ["reply_done", "failed", "nothing"])
async def test_turn_on_silence_has_an_empty_final_and_an_empty_reply(ending):
    async def talk(requests):
        async for _ in requests:
            pass
        yield final("")
        if ending == "reply_done":
            yield TalkEvent(reply_done=conversation_service_pb2.ReplyDone())
        elif ending == "failed":
            reason = error_reason_pb2.ERROR_REASON_TEXT_EMPTY
            yield TalkEvent(failed=conversation_service_pb2.TurnFailed(reason=reason, message="blank"))

    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        peer.talk = talk
        await ws.send_json({"type": "start"})
        await ws.send_json({"type": "stop"})
        assert await receive_turn(ws) == [{"type": "final", "text": ""}, {"type": "reply_done", "text": ""}]


async def test_refused_scenario_is_one_error_event_and_its_late_audio_is_dropped():
    async def talk(requests):
        raise Refusal("NOT_FOUND", "There is no scenario of this name.", field="config.scenario_id")
        yield

    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        peer.talk, usual = talk, peer.talk
        await ws.send_json({"type": "start", "scenario_id": "nowhere"})
        assert await receive(ws) == {"type": "error", "detail": "There is no scenario of this name."}
        peer.talk = usual
        await ws.send_bytes(b"\x00\x00")
        await ws.send_json({"type": "stop"})
        await ws.send_json(TEXT)
        assert await receive_turn(ws) == REPLY


@pytest.mark.parametrize("how", ["status", "event", "ended"])
async def test_failure_in_the_middle_of_a_reply_closes_its_audio_first(how):
    async def talk(requests):
        for event in reply_events()[:4]:
            yield event
        if how == "status":
            raise Refusal("ENGINE_FAILED", "The engine failed.")
        if how == "event":
            yield TalkEvent(failed=conversation_service_pb2.TurnFailed(message="The engine failed."))

    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        peer.talk = talk
        await ws.send_json(TEXT)
        *_, audio_end, error = await receive_turn(ws)
        assert (audio_end["type"], error["type"]) == ("audio_end", "error")


async def test_new_start_cancels_the_running_reply_and_nothing_of_it_follows():
    async def talk(requests):
        for event in reply_events()[:4]:
            yield event
        await asyncio.Event().wait()

    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        peer.talk, usual = talk, peer.talk
        await ws.send_json(TEXT)
        assert [await receive(ws) for _ in range(4)] == REPLY[:4]
        peer.talk = usual
        await ws.send_json({"type": "start"})
        async with asyncio.timeout(LIMIT_S):
            await peer.cancelled.wait()
        await ws.send_json({"type": "stop"})
        assert await receive_turn(ws) == [{"type": "audio_end"}, {"type": "final", "text": "hi"}, *REPLY]


@pytest.mark.parametrize("is_clean", [True, False])
async def test_closed_socket_cancels_the_rpc(is_clean):
    async def talk(requests):
        yield TalkEvent(partial=transcription_service_pb2.PartialTranscript(text="he"))
        await asyncio.Event().wait()

    async with compat() as (peer, http):
        peer.talk = talk
        ws = await http.ws_connect("/ws/voice")
        await ws.send_json({"type": "start"})
        assert await receive(ws) == {"type": "partial", "text": "he"}
        async with asyncio.timeout(LIMIT_S):
            if is_clean:
                await ws.close()
            else:
                ws._response.connection.transport.abort()
            await peer.cancelled.wait()


async def test_message_over_the_limit_closes_the_socket_as_too_big():
    async with compat() as (_, http), http.ws_connect("/ws/voice") as ws:
        await ws.send_bytes(bytes(1024 * 1024 + 2))
        async with asyncio.timeout(LIMIT_S):
            message = await ws.receive()
        assert (message.type, ws.close_code) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.MESSAGE_TOO_BIG)


async def test_text_that_is_not_utf8_closes_the_socket_as_invalid():
    async with compat() as (_, http), http.ws_connect("/ws/voice") as ws:
        await ws._writer.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
        async with asyncio.timeout(LIMIT_S):
            await ws.receive()
        assert ws.close_code == aiohttp.WSCloseCode.INVALID_TEXT


async def test_server_that_is_down_is_an_error_event():
    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:

        async def talk(requests):
            raise Refusal("NOT_READY", "The model is warming up.", retry_after_s=1)
            yield

        peer.talk = talk
        await ws.send_json(TEXT)
        assert await receive(ws) == {"type": "error", "detail": "The model is warming up."}


async def test_stopping_process_lets_a_reply_finish_and_then_says_it_goes_away():
    gate = asyncio.Event()

    async def talk(requests):
        await gate.wait()
        for event in reply_events():
            yield event

    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        peer.talk = talk
        async with http.ws_connect("/ws/voice") as idle:
            await ws.send_json({"type": "text", "text": "hello"})
            async with asyncio.timeout(LIMIT_S):
                await peer.called.wait()
            stopping = asyncio.ensure_future(http.server.app.shutdown())
            async with asyncio.timeout(LIMIT_S):
                assert (await idle.receive()).type is aiohttp.WSMsgType.CLOSE
            assert idle.close_code == aiohttp.WSCloseCode.GOING_AWAY
        gate.set()
        assert await receive_turn(ws) == REPLY
        async with asyncio.timeout(LIMIT_S):
            assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
            await stopping
        assert ws.close_code == aiohttp.WSCloseCode.GOING_AWAY
