"""WebSockets, mostly ``/ws/voice``, under bad frames, and under clients that do not answer, read or leave."""

import asyncio
import contextlib
import json

import pytest
from compat_peer import LIMIT_S, TalkEvent, compat

from antiphon.speech.v1 import audio_pb2
from antiphon_compat.ws import speech, voice
from support.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameClient,
    frame,
    frame_client,
    length,
)

MIB = 1024 * 1024
START = frame(TEXT, b'{"type": "start"}')
TYPED = frame(TEXT, b'{"type": "text", "text": "hello"}')
HALF = frame(TEXT, b'{"type":', is_final=False)
MALFORMED = {
    "text is not UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "text ends within a character": (frame(TEXT, b'"\xf0\x9f'), 1007),
    "surrogate as UTF-8": (frame(TEXT, b'"\xed\xa0\x80"'), 1007),
    "continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "text within a fragmented text": (HALF + frame(TEXT, b"x"), 1002),
    "binary within a fragmented text": (HALF + frame(BINARY, b"xx"), 1002),
    "compressed without the extension": (frame(TEXT, b"x", reserved=4), 1002),
    "reserved bit 2": (frame(TEXT, b"x", reserved=2), 1002),
    "reserved bit 3": (frame(BINARY, b"xx", reserved=1), 1002),
    "reserved bit on a ping": (frame(PING, reserved=4), 1002),
    "reserved data opcode": (frame(3, b"x"), 1002),
    "reserved control opcode": (frame(11, b"x"), 1002),
    "ping over 125 bytes": (frame(PING, bytes(126)), 1002),
    "ping in fragments": (frame(PING, b"x", is_final=False), 1002),
    "close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "close with a code that must not be sent": (frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
    "close with a code below all": (frame(CLOSE, (999).to_bytes(2, "big")), 1002),
    "close with a reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "text over the limit": (frame(TEXT, b" " * (MIB + 1)), 1009),
    "binary over the limit": (frame(BINARY, bytes(MIB + 2)), 1009),
    "fragments over the limit together": (
        frame(BINARY, bytes(MIB), is_final=False) + frame(CONTINUATION, bytes(2)),
        1009,
    ),
    "length of many terabytes, nothing sent": (bytes([0x82]) + length(2**46), 1009),
    "length with its highest bit set": (bytes([0x82, 0xFF]) + b"\xff" * 8, 1009),
    "HTTP after the handshake": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1002),
}


@contextlib.asynccontextmanager
async def voice_client(**settings: int):
    """The scripted server, the front, and a raw client in a call."""
    async with compat(**settings) as (peer, http), frame_client(http.host, http.port) as client:
        yield peer, http, client


async def next_event(client: FrameClient) -> dict[str, object]:
    while True:
        opcode, payload = await client.receive()
        if opcode == TEXT:
            return json.loads(payload)


async def take_turn(client: FrameClient) -> None:
    await client.send(TYPED)
    while (await next_event(client))["type"] != "reply_done":
        pass


async def say_nothing(requests):
    await asyncio.Event().wait()
    yield


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_frame_closes_with_its_code_and_ends_the_turn(name):
    data, code = MALFORMED[name]
    async with asyncio.timeout(LIMIT_S), voice_client() as (peer, http, client):
        peer.talk, usual = say_nothing, peer.talk
        await client.send(START)
        await peer.called.wait()
        await client.send(data)
        assert (await client.receive_close())[0] == code
        await peer.cancelled.wait()
        client.writer.close()
        while http.server.app[voice.SOCKETS_KEY]:
            await asyncio.sleep(0.01)
        peer.talk = usual
        async with frame_client(http.host, http.port) as other:
            await take_turn(other)


async def test_speech_socket_closes_on_the_same_frames_with_the_same_codes():
    async with asyncio.timeout(3 * LIMIT_S), compat(max_json_mb=1) as (_, http):
        for name, (data, code) in MALFORMED.items():
            async with frame_client(http.host, http.port, path="/v1/audio/speech/stream") as client:
                await client.send(frame(TEXT, b'{"type": "session.config"}') + data)
                assert (await client.receive_close())[0] == code, name
        while http.server.app[speech.SPEECH_SOCKETS_KEY]:
            await asyncio.sleep(0.01)


async def test_fragments_with_pings_between_are_one_message():
    data = '{"type": "text", "text": "héllo 🎤"}'.encode()
    pieces = [data[at : at + 1] for at in range(len(data))]
    async with asyncio.timeout(LIMIT_S), voice_client() as (peer, _, client):
        await client.send(frame(TEXT, pieces[0], is_final=False) + frame(PING, b"p"))
        for piece in pieces[1:-1]:
            await client.send(frame(CONTINUATION, piece, is_final=False))
        await client.send(frame(CONTINUATION, pieces[-1]))
        assert await client.receive() == (PONG, b"p")
        while (await next_event(client))["type"] != "reply_done":
            pass
        assert peer.requests[1].text_turn.text == "héllo 🎤"


@pytest.mark.parametrize("payload", [b"", (1000).to_bytes(2, "big") + b"bye", (4000).to_bytes(2, "big")])
async def test_close_is_answered(payload):
    async with asyncio.timeout(LIMIT_S), voice_client() as (_, _, client):
        await client.send(frame(CLOSE, payload))
        assert (await client.receive_close())[0] == 1000
        assert await client.reader.read() == b""


async def test_limits_are_announced_in_the_handshake():
    async with asyncio.timeout(LIMIT_S), voice_client(socket_idle_timeout_s=7, max_recording_s=9) as (_, _, client):
        head = client.head.lower()
        announced = ("idle-timeout-s: 7", "ping-interval-s: 20", "max-message-bytes: 1048576", "max-recording-s: 9")
        assert all(f"\r\nx-{header}\r\n" in head for header in announced)
        assert "sec-websocket-extensions" not in head


async def test_idle_socket_is_closed_with_the_reason_and_pings_do_not_keep_it():
    async with asyncio.timeout(LIMIT_S), voice_client(socket_idle_timeout_s=1) as (_, _, client):
        for _ in range(4):
            await client.send(frame(PING))
            await asyncio.sleep(0.3)
        assert await client.receive_close() == (1000, "idle for 1 s")


async def test_socket_is_not_idle_while_a_reply_is_made():
    gate = asyncio.Event()

    async def talk(requests):
        async for _ in requests:
            pass
        await gate.wait()
        yield TalkEvent(audio=audio_pb2.AudioChunk(data=b"\x01\x00"))

    async with asyncio.timeout(LIMIT_S), voice_client(socket_idle_timeout_s=1) as (peer, _, client):
        peer.talk = talk
        await client.send(TYPED)
        await asyncio.sleep(1.5)
        gate.set()
        assert (await next_event(client))["type"] == "audio_start"
        assert await client.receive_close() == (1000, "idle for 1 s")


async def test_client_that_answers_no_ping_is_gone_and_its_turn_with_it():
    async with asyncio.timeout(LIMIT_S), voice_client(socket_ping_s=1) as (peer, _, client):
        peer.talk = say_nothing
        await client.send(START)
        await peer.cancelled.wait()
        received = []
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                received.append((await client.receive())[0])
        assert received.count(PING) >= 2


async def test_client_that_answers_pings_stays():
    async with asyncio.timeout(LIMIT_S), voice_client(socket_ping_s=1) as (_, _, client):
        for _ in range(4):
            opcode, payload = await client.receive()
            assert opcode == PING
            await client.send(frame(PONG, payload))
        await take_turn(client)


async def test_client_that_sends_but_never_reads_stops_the_engine_and_is_cut():
    num_made, is_ended = 0, asyncio.Event()

    async def talk(requests):
        nonlocal num_made
        try:
            while True:
                yield TalkEvent(audio=audio_pb2.AudioChunk(data=bytes(4800)))
                num_made += 1
        finally:
            is_ended.set()

    async with asyncio.timeout(3 * LIMIT_S), voice_client(socket_ping_s=1) as (peer, _, client):
        peer.talk = talk
        client.writer.transport.pause_reading()
        await client.send(TYPED)
        made = []
        with contextlib.suppress(ConnectionError):
            while not is_ended.is_set():
                await client.send(frame(PONG))
                await asyncio.sleep(0.2)
                made.append(num_made)
        await is_ended.wait()
        assert made[-1] == made[-5]  # it stood still before it was cut


async def test_ping_flood_is_answered_and_the_next_turn_too():
    async with asyncio.timeout(3 * LIMIT_S), voice_client() as (_, _, client):
        num_pings = 20_000
        sending = asyncio.create_task(client.send(frame(PING, b"x" * 100) * num_pings))
        for _ in range(num_pings):
            assert await client.receive() == (PONG, b"x" * 100)
        await sending
        await take_turn(client)


async def test_many_sockets_at_once_and_one_too_many():
    async with asyncio.timeout(LIMIT_S), compat(max_sockets=40) as (_, http), contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(frame_client(http.host, http.port)) for _ in range(40)]
        await asyncio.gather(*(take_turn(client) for client in clients))
        async with frame_client(http.host, http.port) as one_more:
            assert await one_more.receive_close() == (1013, "all 40 sockets are taken")
        await take_turn(clients[0])
        await clients[1].send(frame(CLOSE))
        await clients[1].receive_close()
        while len(http.server.app[voice.SOCKETS_KEY]) == 40:
            await asyncio.sleep(0.01)
        async with frame_client(http.host, http.port) as next_one:
            await take_turn(next_one)


async def test_defect_of_ours_closes_with_1011_and_says_nothing_else():
    async with asyncio.timeout(LIMIT_S), voice_client() as (_, http, client):
        await http.server.app[voice.UPSTREAM_KEY].close()
        await client.send(TYPED)
        assert await client.receive_close() == (1011, "the server failed")
        assert await client.reader.read() == b""


async def test_upstream_that_takes_no_audio_holds_the_client_back():
    async def talk(requests):
        await anext(aiter(requests))
        await asyncio.Event().wait()
        yield

    async with asyncio.timeout(3 * LIMIT_S), voice_client(socket_ping_s=1) as (peer, _, client):
        peer.talk = talk
        await client.send(START)
        sending = asyncio.create_task(client.send(frame(BINARY, bytes(512 * 1024)) * 200))
        assert not (await asyncio.wait([sending], timeout=2))[0]
        sending.cancel()
        client.writer.transport.abort()
        await peer.cancelled.wait()
