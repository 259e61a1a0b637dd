"""How ``/v1/audio/speech/stream`` ends: by its client, by its limits, by the process."""

import asyncio

import aiohttp
from compat_peer import LIMIT_S, compat, recite_started, recited
from speech_socket import CONFIG, DONE, ROUTE, receive, receive_until, socket, text

from antiphon_compat.ws import speech as speech_ws


async def test_no_config_in_time_is_told_and_closes_with_a_reason(monkeypatch):
    monkeypatch.setattr(speech_ws, "CONFIG_TIMEOUT_S", 0.05)
    async with socket() as (peer, ws):
        assert (await receive(ws))["error"]["code"] == "config_first"
        message = await ws.receive(LIMIT_S)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.POLICY_VIOLATION)
        assert message.extra == "No usable session.config came within 0.05 s."
        assert peer.num_calls == 0


async def test_close_is_clean_and_a_message_over_the_limit_is_not():
    async with socket(CONFIG, {"type": "session.close"}) as (_, ws):
        while (message := await ws.receive(LIMIT_S)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.OK)
    async with socket(text("a" * 1024 * 1024), max_json_mb=1) as (_, ws):
        message = await ws.receive(LIMIT_S)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.MESSAGE_TOO_BIG)


async def test_idle_socket_is_closed_as_announced():
    async with socket(CONFIG, socket_idle_timeout_s=1) as (_, ws):
        assert (await receive(ws))["idle_timeout_ms"] == 1000
        message = await ws.receive(LIMIT_S)
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 1000, "idle for 1 s")


async def test_client_that_goes_away_cancels_the_rpc():
    async def recite(requests):
        yield recite_started()
        await asyncio.Event().wait()

    async with compat() as (peer, http), http.ws_connect(ROUTE) as ws:
        peer.recite = recite
        await ws.send_json(CONFIG)
        await receive(ws)
        await ws.close()
        async with asyncio.timeout(LIMIT_S):
            await peer.cancelled.wait()


async def test_sockets_are_limited():
    async with compat(max_sockets=1) as (_, http), http.ws_connect(ROUTE), http.ws_connect(ROUTE) as second:
        message = await second.receive(LIMIT_S)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.TRY_AGAIN_LATER)


async def test_a_hundred_bad_messages_in_a_row_close_the_socket():
    async with socket(*[{"type": "x"}] * 100) as (_, ws):
        for _ in range(100):
            await receive(ws)
        message = await ws.receive(LIMIT_S)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.POLICY_VIOLATION)


async def test_process_that_stops_lets_a_finishing_session_end():
    gate = asyncio.Event()

    async def recite(requests):
        yield recite_started()
        async for request in requests:
            if request.HasField("finish"):
                break
        await gate.wait()
        for event in recited("u1", b"\x01\x00"):
            yield event

    async with compat() as (peer, http), http.ws_connect(ROUTE) as ws:
        peer.recite = recite
        await ws.send_json(CONFIG)
        await ws.send_json(DONE)
        await receive(ws)
        while not any(request.HasField("finish") for request in peer.requests):
            await asyncio.sleep(0.01)
        stopping = asyncio.ensure_future(http.server.app.shutdown())
        await asyncio.sleep(0.01)
        gate.set()
        assert (await receive_until(ws, "session.done"))[-1]["total_sentences"] == 1
        message = await ws.receive(LIMIT_S)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
        await stopping
