"""``/v1/audio/speech/stream`` against a scripted server: order of events, limits, failures, and how it ends."""

import asyncio
import json

import pytest
from compat_peer import ReciteEvent, Refusal, compat, recite_started, recited
from speech_socket import CONFIG, DONE, ROUTE, receive, receive_until, socket, text

from antiphon.speech.v1 import audio_pb2, report_pb2, synthesis_service_pb2

USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "input_characters": 0, "output_audio_ms": 0}
BAD_MESSAGES = [
    ("", None),
    ("{", None),
    ("[]", None),
    ('"input.text"', None),
    ("[" * 50_000, None),
    ('{"type": "input.text", "text": NaN}', None),
    ({}, "type"),
    ({"type": 1}, "type"),
    ({"type": "input.audio"}, "type"),
    ({"type": "input.text"}, "text"),
    ({"type": "input.text", "text": 1}, "text"),
    ({"type": "input.text", "text": "\ud800"}, "text"),
    ({"type": "input.text", "text": "ß" * 65_537}, "text"),
    ({"type": "input.text", "text": "a"}, None),
    ({"type": "input.flush"}, None),
    ({"type": "input.done"}, None),
    ({"type": "input.cancel", "id": 1}, "id"),
    ({"type": "session.config", "speed": 9}, "speed"),
    ({"type": "session.config", "voice": 1}, "voice"),
    ({"type": "session.config", "response_format": "ogg"}, "response_format"),
    ({"type": "session.config", "input": "hi"}, "input"),
    ({"type": "session.config", "stream": True}, "stream"),
    ({"type": "session.config", "stream_format": "sse"}, "stream_format"),
    ({"type": "session.config", "split_granularity": "clause"}, "split_granularity"),
    ({"type": "session.config", "split_granularity": 1}, "split_granularity"),
    ({"type": "session.config", "ref_audio": "https://example.com/a.wav"}, "ref_audio"),
    ({"type": "session.config", "extra_body": []}, "extra_body"),
    ({"type": "session.config", "word_timestamps": True}, "word_timestamps"),
]


def audio_events(index: int, sentence: int, data: bytes) -> list[object]:
    place = {"utterance_index": index, "id": f"{index}.u{sentence + 1}", "sentence_index": sentence}
    end = {"total_bytes": len(data), "error": False, "finish_reason": "stop", "seed": 7}
    return [
        {"type": "audio.start", **place, "format": "pcm", "sample_rate": 24000},
        data,
        {"type": "audio.done", **place, **end, "num_samples": 0, "crc32": 0, "usage": USAGE},
    ]


async def test_text_sent_without_waiting_is_spoken_in_the_documented_order():
    async with socket(CONFIG, text("He"), text("llo."), DONE) as (peer, ws):
        configured, *spoken = await receive_until(ws, "session.done")
        assert configured == {
            "type": "session.configured",
            "session_id": "me.0",
            "model": "mouth",
            "voice": "nora",
            "response_format": "pcm",
            "sample_rate": 24000,
            "channels": 1,
            "idle_timeout_ms": 60_000,
            "max_text_bytes": 131_072,
            "warnings": [],
        }
        done = {"type": "session.done", "utterance_index": 0, "total_sentences": 1}
        assert spoken == [*audio_events(0, 0, b"Hello."), done]
        assert peer.requests[0].config.voice == "alloy"
        assert peer.requests[0].config.format.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
        assert peer.metadata[0]["x-request-id"] == "me.0"


async def test_flush_ends_an_utterance_and_the_next_text_begins_another():
    async with socket(CONFIG, text("One."), {"type": "input.flush"}, text("Two."), DONE) as (_, ws):
        _, *spoken, done = await receive_until(ws, "session.done")
        assert spoken == [*audio_events(0, 0, b"One."), *audio_events(0, 1, b"Two.")]
        assert done["total_sentences"] == 2


async def test_config_stays_for_the_next_session_and_can_be_changed_between_them():
    async with socket(CONFIG, text("One."), DONE) as (peer, ws):
        await receive_until(ws, "session.done")
        await ws.send_json(text("Two."))
        await ws.send_json(DONE)
        assert (await receive_until(ws, "session.done"))[:3] == audio_events(1, 0, b"Two.")
        await ws.send_json(CONFIG | {"voice": "nova"})
        await ws.send_json(DONE)
        configured, done = await receive_until(ws, "session.done")
        assert configured["session_id"] == "me.2"
        assert done == {"type": "session.done", "utterance_index": 2, "total_sentences": 0}
        voices = [request.config.voice for request in peer.requests if request.HasField("config")]
        assert voices == ["alloy", "alloy", "nova"]


@pytest.mark.parametrize(("message", "param"), BAD_MESSAGES, ids=lambda value: str(value)[:40])
async def test_bad_message_is_an_error_event_and_the_socket_goes_on(message, param):
    async with socket() as (peer, ws):
        await ws.send_str(message if isinstance(message, str) else json.dumps(message))
        event = await receive(ws)
        assert (event["type"], list(event["error"])) == ("error", ["message", "type", "param", "code"])
        assert (event["message"], event["error"]["param"]) == (event["error"]["message"], param)
        assert peer.num_calls == 0
        for good in (CONFIG, text("Hi."), DONE):
            await ws.send_json(good)
        assert (await receive_until(ws, "session.done"))[1:4] == audio_events(0, 0, b"Hi.")


async def test_binary_frames_are_refused_by_name():
    async with socket() as (_, ws):
        await ws.send_bytes(b"abc")
        assert "Binary frames" in (await receive(ws))["message"]


async def test_config_in_the_middle_and_text_after_done_are_out_of_order():
    gate = asyncio.Event()

    async def recite(requests):
        async for request in requests:
            if request.HasField("config"):
                yield recite_started()
            if request.HasField("finish"):
                await gate.wait()
                return

    async with compat() as (peer, http), http.ws_connect(ROUTE) as ws:
        peer.recite = recite
        for message in (CONFIG, CONFIG, DONE, text("late"), DONE):
            await ws.send_json(message)
        events = [await receive(ws) for _ in range(4)]
        assert sorted(event["type"] for event in events) == ["error", "error", "error", "session.configured"]
        assert {event["error"]["code"] for event in events if event["type"] == "error"} == {"stream_order"}
        gate.set()
        assert (await receive(ws))["type"] == "session.done"


async def test_refused_config_is_an_error_event_and_another_one_may_follow():
    async def recite(requests):
        async for request in requests:
            if request.config.voice == "nobody":
                raise Refusal("UNKNOWN_VOICE", "There is no such voice.", field="config.voice")
            yield recite_started()

    async with compat() as (peer, http), http.ws_connect(ROUTE) as ws:
        peer.recite = recite
        await ws.send_json(CONFIG | {"voice": "nobody"})
        event = await receive(ws)
        assert (event["error"]["code"], event["error"]["param"]) == ("unknown_voice", "voice")
        await ws.send_json(text("Hi."))
        assert (await receive(ws))["error"]["code"] == "config_first"
        await ws.send_json(CONFIG)
        assert (await receive(ws))["type"] == "session.configured"


@pytest.mark.parametrize("ends_quietly", [False, True], ids=["failed", "ended_without_done"])
async def test_failure_in_the_middle_closes_the_audio_with_an_error(ends_quietly):
    async def recite(requests):
        yield recite_started()
        for event in recited("u1", b"\x01\x00")[:2]:
            yield event
        if not ends_quietly:
            raise Refusal("ENGINE_FAILED", "The engine failed.")

    async with compat() as (peer, http), http.ws_connect(ROUTE) as ws:
        peer.recite = recite
        await ws.send_json(CONFIG)
        done, failure = (await receive_until(ws, "error"))[-2:]
        assert (done["type"], done["error"], done["total_bytes"]) == ("audio.done", True, 2)
        assert failure["error"]["code"] == "engine_failed"
        assert not ws.closed


async def recite_until_cancelled(requests):
    async for request in requests:
        if request.HasField("config"):
            yield recite_started()
        elif request.HasField("text"):
            for event in recited("u1", b"\x01\x00")[:2]:
                yield event
        elif request.HasField("cancel"):
            receipt = synthesis_service_pb2.UtteranceCancelled(
                utterance_id="u1",
                samples_generated=9,
                samples_sent=1,
                samples_played=1,
                estimated=True,
                text_spoken="a",
            )
            yield ReciteEvent(cancelled=receipt)


@pytest.mark.parametrize("named", [{}, {"id": "0.u1"}], ids=["all", "by_id"])
async def test_cancel_is_answered_by_a_receipt(named):
    async with compat() as (peer, http), http.ws_connect(ROUTE) as ws:
        peer.recite = recite_until_cancelled
        await ws.send_json(CONFIG)
        await ws.send_json(text("Hello."))
        await receive_until(ws, "audio.start")
        assert await receive(ws) == b"\x01\x00"
        await ws.send_json({"type": "input.cancel", **named})
        assert await receive(ws) == {
            "type": "audio.cancelled",
            "utterance_index": 0,
            "id": "0.u1",
            "sentence_index": 0,
            "total_bytes": 2,
            "samples_generated": 9,
            "samples_sent": 1,
            "samples_played": 1,
            "estimated": True,
            "text_spoken": "a",
        }
        assert peer.requests[-1].cancel.utterance_id == ("u1" if named else "")


async def test_cancel_of_nothing_is_a_warning():
    async with socket({"type": "input.cancel"}) as (_, ws):
        event = await receive(ws)
        assert (event["type"], event["code"]) == ("warning", "stale_control")


async def test_warnings_are_passed_on():
    warning = report_pb2.CallWarning(code=report_pb2.WARNING_CODE_UNKNOWN_TAG, field="text.text", message="odd")

    async def recite(requests):
        yield recite_started(warnings=[warning])
        yield ReciteEvent(warning=warning)

    async with compat() as (peer, http), http.ws_connect(ROUTE) as ws:
        peer.recite = recite
        await ws.send_json(CONFIG | {"voise": "nora"})
        configured, event = [await receive(ws) for _ in range(2)]
        assert [row["code"] for row in configured["warnings"]] == ["field_ignored", "unknown_tag"]
        assert event == {"type": "warning", "code": "unknown_tag", "param": "input", "message": "odd"}


async def test_split_granularity_says_when_text_is_spoken():
    async with socket(CONFIG | {"split_granularity": "none"}) as (peer, ws):
        await receive(ws)
        assert peer.requests[0].config.commit_policy == synthesis_service_pb2.COMMIT_POLICY_FLUSH


async def test_strict_models_refuse_an_alias():
    async with socket(CONFIG | {"model": "tts-1"}, strict_models=True) as (_, ws):
        assert (await receive(ws))["error"]["code"] == "model_not_found"
