"""A client that stops reading makes the server stop speaking, on every way out."""

import asyncio

import pytest
from compat_peer import ReciteEvent, compat, recite_started, recited, speech_audio, speech_started

CHUNK = bytes(32 * 1024)
NUM_CHUNKS = 4_000
STABLE_S = 0.5


class Mouth:
    """Speaks far more than fits into any buffer on the way, and counts."""

    def __init__(self) -> None:
        self.num_made = 0

    async def speak(self, request):
        yield speech_started()
        for _ in range(NUM_CHUNKS):
            yield speech_audio(CHUNK)
            self.num_made += 1

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
