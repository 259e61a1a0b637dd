"""``POST /v1/audio/speech/batch`` against a scripted server."""

import asyncio
import base64
import json
import logging

import pytest
from compat_peer import LIMIT_S, Refusal, compat, speak_two_chunks, speech_started

from antiphon_compat.upstream import UPSTREAM_KEY

ROUTE = "/v1/audio/speech/batch"
AUDIO = b"\x01\x00" * 4 + b"\x02\x00" * 4


async def ask(http, **body):
    answer = await http.post(ROUTE, json=body)
    return answer, await answer.json()


async def test_every_item_is_answered_in_order_with_its_own_fields():
    async with compat() as (peer, http):
        items = [{"input": "One."}, {"input": "Two.", "voice": "jake", "seed": None, "extra_body": {"speed": 2}}]
        answer, body = await ask(http, items=items, voice="nora", seed=5, response_format="pcm")
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert (body["object"], body["id"]) == ("audio.speech.batch", answer.headers["x-request-id"])
        assert (body["total"], body["succeeded"], body["failed"]) == (2, 2, 0)
        for index, result in enumerate(body["results"]):
            assert (result["index"], result["status"]) == (index, "success")
            assert base64.b64decode(result["audio_data"]) == AUDIO
            assert result["media_type"] == "audio/L16; rate=24000; channels=1"
            assert (result["finish_reason"], result["seed"], result["model"]) == ("stop", 7, "mouth")
            assert (result["warnings"], result["usage"]["total_tokens"]) == ([], 0)
        one, two = sorted(peer.requests, key=lambda request: request.text)
        assert (one.config.voice, two.config.voice, two.config.speed) == ("nora", "jake", 2)
        assert one.config.sampling.seed == two.config.sampling.seed == 5
        assert {call["x-request-id"] for call in peer.metadata} == {f"{body['id']}.0", f"{body['id']}.1"}


async def test_what_is_wrong_with_an_item_leaves_the_others_alone():
    async def speak(request):
        if request.text == "fails":
            yield speech_started()
            raise Refusal("ENGINE_FAILED", "The engine failed.")
        async for event in speak_two_chunks(request):
            yield event

    async with compat() as (peer, http):
        peer.speak = speak
        texts = ["fine", "", "fails", "a" * 5001, "fine"]
        _, body = await ask(http, items=[{"input": text} for text in texts])
        assert [result["status"] for result in body["results"]] == ["success", "error", "error", "error", "success"]
        errors = [result["error"] for result in body["results"] if result["status"] == "error"]
        assert [error["code"] for error in errors] == ["text_empty", "engine_failed", "text_too_long"]
        assert list(errors[0]) == ["message", "type", "param", "code"]
        assert (body["total"], body["succeeded"], body["failed"]) == (5, 2, 3)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "items"),
        ({"items": []}, "items"),
        ({"items": "hello"}, "items"),
        ({"items": [{"input": "a"}] * 33}, "items"),
        ({"items": [{"input": "a"}, "b"]}, "items[1]"),
        ({"items": [None]}, "items[0]"),
        ({"items": [{"input": "a", "extra_body": 1}]}, "extra_body"),
        ({"items": [{"input": "a"}], "stream": True}, "stream"),
        ({"items": [{"input": "a"}], "stream_format": "sse"}, "stream"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_bad_request_is_a_400_for_all(body, param):
    async with compat() as (peer, http):
        answer, told = await ask(http, **body)
        assert (answer.status, told["error"]["param"]) == (400, param)
        assert peer.num_calls == 0


async def test_streamed_item_is_refused_by_name():
    async with compat() as (_, http):
        _, body = await ask(http, items=[{"input": "a", "stream": True}])
        assert body["results"][0]["error"]["param"] == "stream"


async def test_four_run_at_once_and_the_first_is_sent_while_later_ones_run():
    running, most, four, gate = 0, 0, asyncio.Event(), asyncio.Event()

    async def speak(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 4:
            four.set()
        await (four if request.text == "0" else gate).wait()
        async for event in speak_two_chunks(request):
            yield event
        running -= 1

    async with compat() as (peer, http):
        peer.speak = speak
        async with http.post(ROUTE, json={"items": [{"input": str(n)} for n in range(12)]}) as answer:
            async with asyncio.timeout(LIMIT_S):
                assert b'"index": 0' in await answer.content.readuntil(b'"warnings": []')
            gate.set()
            assert b'"succeeded": 12' in await answer.content.read()
        assert most == 4


async def test_client_that_goes_away_cancels_what_runs():
    async def speak(request):
        yield speech_started()
        await asyncio.Event().wait()

    async with compat() as (peer, http):
        peer.speak = speak
        answer = await http.post(ROUTE, json={"items": [{"input": "a"}] * 4})
        async with asyncio.timeout(LIMIT_S):
            await peer.called.wait()
            answer.close()
            await peer.cancelled.wait()


async def test_defect_of_ours_after_the_beginning_breaks_the_body_off_and_adds_nothing_to_it(caplog):
    caplog.set_level(logging.INFO, logger="antiphon_compat")
    async with compat() as (_, http):
        await http.server.app[UPSTREAM_KEY].close()
        body = json.dumps({"items": [{"input": "a"}]})
        reader, writer = await asyncio.open_connection(http.host, http.port)
        writer.write(f"POST {ROUTE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        async with asyncio.timeout(LIMIT_S):
            raw = await reader.read()
        writer.close()
    assert raw.count(b"HTTP/1.1") == 1
    assert raw.endswith(b'"results": [\r\n')  # and no chunk of length 0, which would be a proper end
    ended = [line for record in caplog.records if (line := json.loads(record.message))["event"] == "request"]
    assert [(line["status"], line["failure"]) for line in ended] == [(200, "internal")]


async def test_strict_models_refuse_an_alias_in_its_item():
    async with compat(strict_models=True) as (_, http):
        _, body = await ask(http, items=[{"input": "a", "model": "tts-1"}, {"input": "a", "model": "mouth"}])
        assert [result["status"] for result in body["results"]] == ["error", "success"]
        assert body["results"][0]["error"]["code"] == "model_not_found"
