"""A client that stops reading makes the server stop speaking, on every way out."""

import asyncio

import pytest
from compat_peer import LIMIT_S, ReciteEvent, compat, recite_started, recited, speech_audio, speech_started

from antiphon_compat import streams

CHUNK = bytes(32 * 1024)
NUM_CHUNKS = 4_000
STABLE_S = 0.5


class Mouth:
    """Speaks far more than fits into any buffer on the way, and counts."""

    def __init__(self) -> None:
        self.num_made = 0
        self.is_stopped = asyncio.Event()

    async def speak(self, request):
        try:
            yield speech_started()
            for _ in range(NUM_CHUNKS):
                yield speech_audio(CHUNK)
                self.num_made += 1
        finally:
            self.is_stopped.set()

    async def recite(self, requests):
        yield recite_started()
        yield recited("u1", b"")[0]
        for _ in range(NUM_CHUNKS):
            yield ReciteEvent(audio=speech_audio(CHUNK).audio)
            self.num_made += 1

    async def rest(self) -> int:
        """Chunks made by the time no more are."""
        before = -1
        while before != self.num_made:
            before = self.num_made
            await asyncio.sleep(STABLE_S)
        return before


@pytest.mark.parametrize("fields", [{"stream": True}, {"stream_format": "sse"}], ids=["chunked", "events"])
async def test_body_that_is_not_read_is_not_made(fields):
    mouth = Mouth()
    async with compat() as (peer, http):
        peer.speak = mouth.speak
        async with http.post("/v1/audio/speech", json={"input": "a", "response_format": "pcm", **fields}) as answer:
            held = await mouth.rest()
            assert 0 < held < NUM_CHUNKS
            await answer.content.readexactly(len(CHUNK) * held * 2)
            assert await mouth.rest() > held


@pytest.mark.parametrize("fields", [{"stream": True}, {"stream_format": "sse"}], ids=["chunked", "events"])
async def test_client_that_takes_nothing_for_too_long_is_given_up(monkeypatch, fields):
    monkeypatch.setattr(streams, "STALL_LIMIT_S", 0.2)
    mouth = Mouth()
    async with compat() as (peer, http):
        peer.speak = mouth.speak
        async with http.post("/v1/audio/speech", json={"input": "a", "response_format": "pcm", **fields}):
            async with asyncio.timeout(LIMIT_S):
                await mouth.is_stopped.wait()
            assert mouth.num_made < NUM_CHUNKS


async def test_speech_has_no_deadline_since_its_reader_sets_the_pace():
    async with compat() as (peer, http):
        await http.post("/v1/audio/speech", json={"input": "a", "stream": True})
        assert peer.time_limits == [None]


async def test_socket_that_is_not_read_holds_generation_back():
    mouth = Mouth()
    async with compat() as (peer, http), http.ws_connect("/v1/audio/speech/stream") as ws:
        peer.recite = mouth.recite
        await ws.send_json({"type": "session.config"})
        held = await mouth.rest()
        assert 0 < held < NUM_CHUNKS
        for _ in range(held * 2):
            await ws.receive()
        assert await mouth.rest() > held
