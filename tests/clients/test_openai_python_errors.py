"""Every failure through the openai package for Python: its class, what it carries, and how often it was tried."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import pytest
from obedient_peer import FAILURES, PIECE, obedient

from contract.compat_peer import front

SAY = {"model": "tts-1", "voice": "alloy", "response_format": "pcm"}
MODES = pytest.mark.parametrize("stream_format", ["audio", "sse"])


@asynccontextmanager
async def calling(*, max_retries: int = 1, **settings):
    """The package in front of a server that fails as told."""
    async with obedient(**settings) as (peer, base_url), called(base_url, max_retries) as client:
        yield peer, client


def called(base_url: str, max_retries: int) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=max_retries)


@pytest.fixture
def requests_seen(caplog):
    """How many requests the front answered, by its own log."""
    caplog.set_level(logging.INFO, "antiphon_compat")

    def count() -> int:
        lines = [json.loads(record.message) for record in caplog.records if record.name == "antiphon_compat"]
        return sum(line["event"] == "request" for line in lines)

    return count


async def collect(events: AsyncIterator[Any], into: list[Any]) -> None:
    """Keep what comes, also where an error ends it."""
    async for event in events:
        into.append(event)  # noqa: PERF401  # a comprehension would lose what came before the error


@pytest.mark.parametrize("reason", FAILURES)
async def test_failure_is_raised_by_its_class(reason, requests_seen):
    status, kind, error_type, code, num_requests = FAILURES[reason]
    async with calling() as (_, client):
        with pytest.raises(openai.APIStatusError) as raised:
            await client.audio.speech.create(input=reason, **SAY)
    error = raised.value
    assert (type(error).__name__, error.status_code) == (kind or "APIStatusError", status)
    assert (error.type, error.param, error.code) == (error_type, "voice", code)
    assert error.request_id == error.response.headers["x-request-id"]
    assert requests_seen() == num_requests


async def test_streamed_requests_fail_the_same(requests_seen):
    async with calling() as (_, client):
        with pytest.raises(openai.RateLimitError):
            async with client.audio.speech.with_streaming_response.create(
                input="OVERLOADED", stream_format="sse", **SAY
            ):
                pass
    assert requests_seen() == 2


async def test_every_allowed_retry_is_made_and_none_more(requests_seen):
    async with calling(max_retries=3) as (_, client):
        with pytest.raises(openai.RateLimitError) as raised:
            await client.audio.speech.create(input="OVERLOADED", **SAY)
    assert requests_seen() == 4
    assert raised.value.response.headers["Retry-After"] == "1"  # whole seconds for those who know only these
    assert raised.value.response.headers["retry-after-ms"] == "1"


async def test_a_retry_that_succeeds_gives_the_audio(requests_seen):
    async with calling() as (peer, client):
        obey, texts = peer.speak, iter(["NOT_READY", "Hello."])

        def speak(request):
            request.text = next(texts)
            return obey(request)

        peer.speak = speak
        answer = await client.audio.speech.create(input="Hello.", **SAY)
    assert answer.content == PIECE * 2
    assert requests_seen() == 2


async def test_a_long_wait_is_left_to_the_caller(requests_seen):
    async with calling() as (_, client):
        with pytest.raises(openai.RateLimitError) as raised:
            await client.audio.speech.create(input="LATER", **SAY)
    assert raised.value.response.headers["Retry-After"] == "300"
    assert requests_seen() == 1


async def test_wrong_fields_are_named(requests_seen):
    async with calling() as (peer, client):
        with pytest.raises(openai.BadRequestError) as raised:
            await client.audio.speech.create(input="", **SAY)
        assert (raised.value.param, raised.value.code) == ("input", "text_empty")
        with pytest.raises(openai.BadRequestError) as raised:
            await client.audio.speech.create(input="a", speed=9, **SAY)
        assert (raised.value.param, raised.value.code) == ("speed", "invalid_field")
        with pytest.raises(openai.NotFoundError) as raised:
            await client.models.retrieve("nobody")
        assert (raised.value.param, raised.value.code) == ("model", "model_not_found")
        with pytest.raises(openai.NotFoundError) as raised:
            await client.embeddings.create(input="a", model="b")
        assert (raised.value.param, raised.value.code) == (None, "not_found")
    assert peer.num_calls == 0
    assert requests_seen() == 4


@pytest.mark.parametrize(("num_mib", "param"), [(3, "file"), (40, None)], ids=["file", "whole_body"])
async def test_a_file_over_the_limit_is_one_clear_error(requests_seen, num_mib, param):
    """Also where the front stops reading long before the package has sent everything."""

    def upload(base_url: str) -> None:
        with openai.OpenAI(base_url=base_url, api_key="none", max_retries=1) as client:
            client.audio.transcriptions.create(model="whisper-1", file=("a.wav", bytes(num_mib << 20)))

    async with obedient(max_upload_mb=1) as (_, base_url):
        with pytest.raises(openai.APIStatusError) as raised:
            await asyncio.to_thread(upload, base_url)
    assert (raised.value.status_code, raised.value.code, raised.value.param) == (413, "body_too_large", param)
    assert requests_seen() == 1


@MODES
async def test_speech_that_breaks_off_raises(stream_format):
    """Half of the audio never passes for the whole."""
    async with calling() as (_, client):
        received: list[bytes] = []
        async with client.audio.speech.with_streaming_response.create(
            input="BREAK", stream_format=stream_format, **SAY
        ) as answer:
            with pytest.raises(httpx2.RemoteProtocolError):
                await collect(answer.iter_bytes(), received)
    audio = b"".join(received)
    assert b"speech.audio.error" in audio if stream_format == "sse" else audio == PIECE


@pytest.mark.parametrize("delivery", [{}, {"stream_format": "audio"}, {"stream_format": "sse"}], ids=str)
async def test_speech_read_at_once_that_breaks_off_raises(delivery):
    async with calling(max_retries=0) as (_, client):
        with pytest.raises((openai.InternalServerError, openai.APIConnectionError)) as raised:
            await client.audio.speech.create(input="BREAK", **delivery, **SAY)
    assert isinstance(raised.value, openai.APIConnectionError) == bool(delivery)


async def test_a_transcript_that_breaks_off_raises_what_failed():
    async with calling() as (_, client):
        events = await client.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", bytes(100)), stream=True, timeout=10
        )
        received: list[Any] = []
        with pytest.raises(openai.APIError) as raised:
            await collect(events, received)
    assert [event.delta for event in received] == ["Half of it."]
    assert (raised.value.type, raised.value.code) == ("server_error", "engine_failed")


async def test_speech_that_does_not_begin_in_time_raises_and_frees_the_server():
    async with calling(max_retries=0) as (peer, client):
        with pytest.raises(openai.APITimeoutError):
            await client.audio.speech.create(input="HANG", timeout=0.3, **SAY)
        await peer.cancelled.wait()


@MODES
async def test_speech_that_stalls_raises_and_frees_the_server(stream_format):
    async with calling(max_retries=0) as (peer, client):
        async with client.audio.speech.with_streaming_response.create(
            input="STALL", stream_format=stream_format, timeout=0.3, **SAY
        ) as answer:
            with pytest.raises(httpx2.ReadTimeout):
                await collect(answer.iter_bytes(), [])
        await peer.cancelled.wait()


async def test_a_streaming_reader_gets_each_piece_before_the_next_is_made():
    """Without any field that asks for it; ``stream: false`` asks for the whole file."""
    async with calling() as (_, client):
        speech = client.audio.speech.with_streaming_response
        async with speech.create(input="STALL", **SAY) as answer:
            assert await anext(answer.iter_bytes()) == PIECE
        async with speech.create(input="Hello.", extra_body={"stream": False}, **SAY) as answer:
            assert answer.headers["content-length"] == str(len(PIECE) * 2)


async def test_a_caller_who_leaves_in_the_middle_frees_the_server():
    async with calling() as (peer, client):
        async with client.audio.speech.with_streaming_response.create(
            input="STALL", stream_format="audio", **SAY
        ) as answer:
            assert await anext(answer.iter_bytes()) == PIECE
        await peer.cancelled.wait()


async def test_a_server_that_is_away_is_retried_and_named(requests_seen):
    async with front("127.0.0.1:1") as http, called(str(http.make_url("/v1")), 1) as client:
        with pytest.raises(openai.InternalServerError) as raised:
            await client.audio.speech.create(input="Hello.", **SAY)
    assert (raised.value.status_code, raised.value.type) == (503, "server_error")
    assert requests_seen() == 2
