"""Which turn ends which on ``/ws/voice``, and what becomes of too much of anything."""

import asyncio

import aiohttp
from compat_peer import LIMIT_S, compat, reply_events
from test_compat_voice import REPLY, TEXT, receive, receive_turn


async def test_typed_turn_while_a_reply_is_made_is_refused_by_name_and_the_reply_goes_on():
    gate = asyncio.Event()

    async def talk(requests):
        async for _ in requests:
            pass
        await gate.wait()
        for event in reply_events():
            yield event

    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        peer.talk = talk
        for number, kind in ((1, "typed"), (2, "spoken")):
            if kind == "spoken":
                await ws.send_json({"type": "start"})
                await ws.send_json({"type": "stop"})
            else:
                await ws.send_json(TEXT)
            for _ in range(2):
                await ws.send_json(TEXT)
                detail = (
                    f"Turn {number} ({kind}) is still being answered; wait for its reply_done, or send start to end it."
                )
                assert await receive(ws) == {"type": "error", "detail": detail}
            gate.set()
            assert await receive_turn(ws) == REPLY
            gate.clear()
        assert peer.num_calls == 2


async def test_typed_turn_ends_an_open_recording():
    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        await ws.send_json({"type": "start"})
        await ws.send_bytes(b"\x01\x00")
        await ws.send_json(TEXT)
        assert await receive_turn(ws) == REPLY
        await ws.send_json({"type": "stop"})
        assert (await receive(ws))["detail"] == "stop came without a running start."
        assert [request.WhichOneof("request") for request in peer.requests][-1] == "text_turn"


async def test_recording_over_its_limit_is_dropped_and_the_socket_goes_on():
    async with compat(max_recording_s=1) as (_, http), http.ws_connect("/ws/voice") as ws:
        for _ in range(2):
            await ws.send_json({"type": "start"})
            await ws.send_bytes(bytes(16_000))
            await ws.send_bytes(bytes(16_000))
            await ws.send_bytes(bytes(2))
            assert "limit of 1 s" in (await receive(ws))["detail"]
            await ws.send_bytes(bytes(16_000))
        await ws.send_json({"type": "stop"})
        assert (await receive(ws))["type"] == "error"
        await ws.send_json(TEXT)
        assert await receive_turn(ws) == REPLY


async def test_endless_bad_messages_close_the_socket_as_against_the_rules():
    async with compat() as (_, http), http.ws_connect("/ws/voice") as ws:
        for _ in range(99):
            await ws.send_str("{")
            await receive(ws)
        await ws.send_json(TEXT)
        await receive_turn(ws)
        for _ in range(100):
            await ws.send_str("[]")
            await receive(ws)
        async with asyncio.timeout(LIMIT_S):
            message = await ws.receive()
        assert (message.type, message.data, message.extra) == (
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSCloseCode.POLICY_VIOLATION,
            "100 messages in a row were refused",
        )


async def test_unknown_fields_are_ignored_and_messages_near_the_limit_are_taken():
    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        await ws.send_json(TEXT | {"voice": "nora", "x": "a" * 1_000_000})
        assert await receive_turn(ws) == REPLY
        assert peer.requests[1].text_turn.text == "hello"
