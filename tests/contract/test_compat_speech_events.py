"""Server-sent events of ``POST /v1/audio/speech``: OpenAI's shape, failures in the middle, callers who leave."""

import asyncio
import base64
import json

import aiohttp
import openai
import pytest
from compat_peer import LIMIT_S, Refusal, SpeechEvent, compat, speech_audio, speech_started

from antiphon.speech.v1 import report_pb2, synthesis_service_pb2

ROUTE = "/v1/audio/speech"
EVENTS = {"input": "Hello.", "stream_format": "sse", "response_format": "pcm"}


def events_in(body: bytes) -> list[dict[str, object]]:
    """Every event; each is a data line and an empty line, and nothing else."""
    parts = body.decode().split("\n\n")
    assert parts.pop() == ""
    assert all(part.startswith("data: ") and "\n" not in part for part in parts)
    return [json.loads(part.removeprefix("data: ")) for part in parts]


async def speak_and_fail(request):
    yield speech_started()
    yield speech_audio(b"\x01\x00")
    raise Refusal("ENGINE_FAILED", "The engine failed.")


async def read_until_cut(http) -> bytes:
    """What arrives before the body breaks off."""
    body = bytearray()

    async def read_on(content):
        while piece := await content.readany():
            body.extend(piece)

    async with http.post(ROUTE, json=EVENTS) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await read_on(answer.content)
    return bytes(body)


async def speak_and_count(request):
    yield speech_started(warnings=[report_pb2.CallWarning(code=1, field="config.sampling.top_k", message="no")])
    yield speech_audio(b"\x01\x00")
    yield speech_audio(b"\x02\x00")
    usage = report_pb2.Usage(input_characters=6, input_tokens=3, output_tokens=5, output_audio_ms=80)
    done = synthesis_service_pb2.UtteranceDone(finish_reason=report_pb2.FINISH_REASON_STOP, seed=7, usage=usage)
    yield SpeechEvent(utterance_done=done)


async def test_audio_comes_in_slices_and_the_end_reports():
    async with compat() as (peer, http):
        peer.speak = speak_and_count
        answer = await http.post(ROUTE, json=EVENTS)
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert [answer.headers[name] for name in ("Cache-Control", "X-Accel-Buffering")] == ["no-cache", "no"]
        assert answer.headers["X-Model"] == "mouth"
        *deltas, done = events_in(await answer.read())
        assert [delta.keys() for delta in deltas] == [{"type", "audio"}] * 2
        assert [base64.b64decode(delta["audio"]) for delta in deltas] == [b"\x01\x00", b"\x02\x00"]
        assert done == {
            "type": "speech.audio.done",
            "usage": {
                "input_tokens": 3,
                "output_tokens": 5,
                "total_tokens": 8,
                "input_characters": 6,
                "output_audio_ms": 80,
            },
            "finish_reason": "stop",
            "seed": 7,
            "model": "mouth",
            "sample_rate": 24000,
            "warnings": [{"code": "field_ignored", "param": "top_k", "message": "no"}],
        }


@pytest.mark.parametrize(
    ("fields", "content_type"),
    [
        ({"stream_format": "sse", "stream": False}, "text/event-stream"),
        ({"stream_format": "sse", "stream": True}, "text/event-stream"),
        ({"stream_format": "audio"}, "chunked"),
        ({"stream_format": "audio", "stream": False}, "chunked"),
        ({"stream": True}, "chunked"),
        ({"stream": False}, "whole"),
        ({}, "whole"),
    ],
    ids=str,
)
async def test_stream_format_wins_over_stream(fields, content_type):
    async with compat() as (_, http):
        answer = await http.post(ROUTE, json={"input": "a", **fields})
        is_chunked = answer.headers.get("Transfer-Encoding") == "chunked"
        found = "chunked" if is_chunked else "whole"
        assert content_type in (answer.headers["Content-Type"], found)
        assert (found == "whole") == ("X-Seed" in answer.headers)


async def test_each_event_leaves_before_the_next_is_made():
    gate = asyncio.Event()

    async def speak(request):
        yield speech_started()
        yield speech_audio(b"\x01\x00")
        await gate.wait()
        raise Refusal("ENGINE_FAILED")

    async with compat() as (peer, http):
        peer.speak = speak
        async with http.post(ROUTE, json=EVENTS) as answer, asyncio.timeout(LIMIT_S):
            assert events_in(await answer.content.readuntil(b"\n\n"))[0]["type"] == "speech.audio.delta"
            gate.set()
            assert events_in(await answer.content.readuntil(b"\n\n"))[0]["type"] == "speech.audio.error"


async def test_failure_before_the_first_audio_is_an_error_response():
    async def speak(request):
        yield speech_started()
        raise Refusal("OVERLOADED", "All places are taken.", retry_after_s=2)

    async with compat() as (peer, http):
        peer.speak = speak
        answer = await http.post(ROUTE, json=EVENTS)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
        assert (await answer.json())["error"]["code"] == "overloaded"


async def test_failure_in_the_middle_is_an_error_event_and_a_broken_body():
    async with compat() as (peer, http):
        peer.speak = speak_and_fail
        delta, failure = events_in(await read_until_cut(http))
        assert delta["type"] == "speech.audio.delta"
        assert failure == {
            "type": "speech.audio.error",
            "error": {
                "message": "The engine failed.",
                "type": "server_error",
                "param": None,
                "code": "engine_failed",
            },
        }


async def test_end_without_a_report_is_a_failure():
    async def speak(request):
        yield speech_started()
        yield speech_audio(b"\x01\x00")

    async with compat() as (peer, http):
        peer.speak = speak
        assert [event["type"] for event in events_in(await read_until_cut(http))][-1] == "speech.audio.error"


async def test_client_that_goes_away_cancels_the_rpc():
    async def speak(request):
        yield speech_started()
        yield speech_audio(b"\x01\x00")
        await asyncio.Event().wait()

    async with compat() as (peer, http):
        peer.speak = speak
        answer = await http.post(ROUTE, json=EVENTS)
        async with asyncio.timeout(LIMIT_S):
            await answer.content.readuntil(b"\n\n")
            answer.close()
            await peer.cancelled.wait()


async def test_sdk_reads_the_events_and_raises_their_error():
    async with (
        compat() as (peer, http),
        openai.AsyncOpenAI(base_url=str(http.make_url("/v1")), api_key="none", max_retries=0) as client,
    ):
        speech = client.audio.speech.with_streaming_response
        async with speech.create(model="tts-1", voice="alloy", input="a", stream_format="sse") as answer:
            events = events_in(b"".join([piece async for piece in answer.iter_bytes()]))
        assert [event["type"] for event in events][-1] == "speech.audio.done"
        peer.speak = speak_and_fail
        stream = await client.post(
            "/audio/speech", body=EVENTS, cast_to=object, stream=True, stream_cls=openai.AsyncStream[object]
        )
        assert (await anext(stream))["type"] == "speech.audio.delta"
        with pytest.raises(openai.APIError, match="The engine failed"):
            await anext(stream)
        await stream.close()
