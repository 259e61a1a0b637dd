"""``POST /v1/audio/speech`` against a scripted server: shapes, failures in the middle, callers who leave."""

import asyncio
import json
import struct

import aiohttp
import pytest
from compat_peer import LIMIT_S, Refusal, compat, speech_audio, speech_done, speech_started

from antiphon.speech.v1 import audio_pb2, report_pb2
from antiphon.speech.v1.error_table import ERROR_TABLE

ROUTE = "/v1/audio/speech"
STREAM = {"input": "Hello.", "stream": True, "response_format": "pcm"}


async def test_whole_pcm_reports_how_it_ended():
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, json={"input": "Hello.", "response_format": "pcm", "seed": 7})
        body = await answer.read()
        assert (answer.status, len(body), answer.headers["Content-Length"]) == (200, 16, "16")
        assert answer.headers["Content-Type"] == "audio/L16; rate=24000; channels=1"
        reported = {name: answer.headers[name] for name in ("X-Finish-Reason", "X-Seed", "X-Model", "X-Warnings")}
        assert reported == {"X-Finish-Reason": "stop", "X-Seed": "7", "X-Model": "mouth", "X-Warnings": "[]"}
        layout = [answer.headers[name] for name in ("X-Sample-Rate", "X-Channels", "X-Bit-Depth")]
        assert layout == ["24000", "1", "16"]
        assert peer.requests[0].config.sampling.seed == 7
        assert peer.requests[0].config.format.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE


@pytest.mark.parametrize("reason", ["length", "runaway", "deadline"])
async def test_a_speech_that_is_not_whole_says_so_in_headers_and_events(reason):
    async def speak(request):
        yield speech_started()
        yield speech_audio(b"\x01\x00" * 8)
        done = speech_done()
        done.utterance_done.finish_reason = report_pb2.FinishReason.Value(f"FINISH_REASON_{reason.upper()}")
        yield done

    async with compat() as (peer, http):
        peer.speak = speak
        whole = await http.post(ROUTE, json={"input": "Hello.", "response_format": "pcm"})
        assert (whole.status, whole.headers["X-Finish-Reason"]) == (200, reason)
        answer = await http.post(ROUTE, json={"input": "Hello.", "response_format": "pcm", "stream_format": "sse"})
        *_, last = [line for line in (await answer.text()).splitlines() if line.startswith("data: {")]
        assert json.loads(last.removeprefix("data: "))["finish_reason"] == reason


async def test_whole_audio_of_many_megabytes_arrives_complete():
    async def speak(request):
        yield speech_started()
        for _ in range(100):
            yield speech_audio(b"\x01\x00" * 32_000)
        yield speech_done()

    async with compat() as (peer, http):
        peer.speak = speak
        answer = await http.post(ROUTE, json={"input": "Hello.", "response_format": "pcm"})
        assert answer.headers["Content-Length"] == "6400000"
        assert await answer.read() == b"\x01\x00" * 3_200_000


async def test_default_format_is_mp3_unless_the_process_says_wav():
    for settings, encoding in (
        ({}, audio_pb2.AUDIO_ENCODING_MP3),
        ({"default_format": "wav"}, audio_pb2.AUDIO_ENCODING_WAV),
    ):
        async with compat(**settings) as (peer, http):
            await http.post(ROUTE, json={"input": "Hello."})
            assert peer.requests[0].config.format.encoding == encoding


async def test_whole_wav_has_true_sizes_and_a_streamed_one_keeps_the_open_ones():
    head = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 24000, 48000, 2, 16)
    header = head + b"data\xff\xff\xff\xff"

    async def speak(request):
        yield speech_started()
        yield speech_audio(header)
        yield speech_audio(b"\x01\x00" * 10)
        yield speech_done()

    async with compat() as (peer, http):
        peer.speak = speak
        whole = await (await http.post(ROUTE, json={"input": "a", "response_format": "wav"})).read()
        assert struct.unpack_from("<I", whole, 4)[0] == len(whole) - 8
        assert struct.unpack_from("<I", whole, 40)[0] == 20
        streamed = await (await http.post(ROUTE, json={"input": "a", "response_format": "wav", "stream": True})).read()
        assert streamed == header + b"\x01\x00" * 10


async def test_stream_delivers_each_piece_before_the_next_is_made():
    gate = asyncio.Event()

    async def speak(request):
        yield speech_started()
        yield speech_audio(b"\x01\x00")
        await gate.wait()
        yield speech_audio(b"\x02\x00")
        yield speech_done()

    async with compat() as (peer, http):
        peer.speak = speak
        async with http.post(ROUTE, json=STREAM) as answer:
            assert answer.headers["X-Accel-Buffering"] == "no"
            assert answer.headers["Content-Type"] == "audio/L16; rate=24000; channels=1"
            assert "Content-Length" not in answer.headers
            async with asyncio.timeout(LIMIT_S):
                assert await answer.content.readany() == b"\x01\x00"
                gate.set()
                assert await answer.content.read() == b"\x02\x00"


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_failure_before_the_first_audio_is_an_error_response(is_streamed):
    async def speak(request):
        yield speech_started()
        raise Refusal("ENGINE_FAILED", "The engine failed.")

    async with compat() as (peer, http):
        peer.speak = speak
        answer = await http.post(ROUTE, json={"input": "a", "stream": is_streamed})
        assert answer.status == 502
        assert (await answer.json())["error"]["code"] == "engine_failed"


@pytest.mark.parametrize("ends_quietly", [False, True], ids=["failed", "ended_without_done"])
async def test_failure_in_the_middle_of_a_stream_breaks_the_connection(ends_quietly):
    async def speak(request):
        yield speech_started()
        yield speech_audio(b"\x01\x00")
        if not ends_quietly:
            raise Refusal("ENGINE_FAILED", "The engine failed.")

    async with compat() as (peer, http):
        peer.speak = speak
        with pytest.raises(aiohttp.ClientError):
            async with http.post(ROUTE, json=STREAM) as answer:
                await answer.read()


async def test_failure_in_the_middle_resets_a_connection_whose_body_ends_with_it():
    failing = asyncio.Event()

    async def speak(request):
        yield speech_started()
        yield speech_audio(b"\x01\x00")
        await failing.wait()
        raise Refusal("ENGINE_FAILED", "The engine failed.")

    async with compat() as (peer, http):
        peer.speak = speak
        reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
        body = json.dumps(STREAM).encode()
        head = f"POST {ROUTE} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        async with asyncio.timeout(LIMIT_S):
            assert b"chunked" not in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\x01\x00"
            failing.set()
            with pytest.raises(ConnectionResetError):
                await reader.read()
        writer.close()


async def test_whole_audio_without_a_report_of_its_end_is_an_error():
    async def speak(request):
        yield speech_started()
        yield speech_audio(b"\x01\x00")

    async with compat() as (peer, http):
        peer.speak = speak
        answer = await http.post(ROUTE, json={"input": "a"})
        assert (answer.status, (await answer.json())["error"]["code"]) == (502, "engine_failed")


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("has_audio", [False, True], ids=["before_first_byte", "in_the_middle"])
async def test_client_that_goes_away_cancels_the_rpc(is_streamed, has_audio):
    reached = asyncio.Event()

    async def speak(request):
        yield speech_started()
        if has_audio:
            yield speech_audio(b"\x01\x00")
        reached.set()
        await asyncio.Event().wait()

    async with compat() as (peer, http):
        peer.speak = speak
        reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
        body = json.dumps({"input": "Hello.", "stream": is_streamed, "response_format": "pcm"}).encode()
        head = (
            f"POST {ROUTE} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        async with asyncio.timeout(LIMIT_S):
            await reached.wait()
            if has_audio and is_streamed:
                await reader.readuntil(b"\x01\x00")
            writer.close()
            await peer.cancelled.wait()


@pytest.mark.parametrize("row", ERROR_TABLE.values(), ids=lambda row: row.reason)
async def test_every_reason_has_its_status_type_code_and_retry_headers(row):
    async def speak(request):
        raise Refusal(row.reason, "why", field="config.voice", retry_after_s=2.5 if row.is_retryable else None)
        yield

    async with compat() as (peer, http):
        peer.speak = speak
        answer = await http.post(ROUTE, json={"input": "a"})
        error = (await answer.json())["error"]
        assert answer.status == row.http_status
        assert list(error) == ["message", "type", "param", "code"]
        assert (error["type"], error["param"], error["code"]) == (row.http_type, "voice", row.http_code)
        assert answer.headers.get("x-should-retry") == (None if row.is_retryable else "false")
        waits = row.is_retryable and row.http_status in (429, 503)
        assert answer.headers.get("Retry-After") == ("3" if waits else None)


async def test_warnings_reach_the_caller_in_one_ascii_header():
    warning = report_pb2.CallWarning(
        code=report_pb2.WARNING_CODE_FIELD_IGNORED, field="config.sampling.top_k", message="é\r\nX: 1"
    )

    async def speak(request):
        yield speech_started(warnings=[warning] * 200)
        yield speech_done()

    async with compat() as (peer, http):
        peer.speak = speak
        answer = await http.post(ROUTE, json={"input": "a"})
        shown = json.loads(answer.headers["X-Warnings"])
        assert shown[0] == {"code": "field_ignored", "param": "top_k", "message": "é\r\nX: 1"}
        assert 1 < len(shown) < 200
        assert "X" not in answer.headers


async def test_warnings_say_the_names_of_the_request():
    message = "config.model: hibari answers in place of 'tts-1'"

    async def speak(request):
        yield speech_started(warnings=[report_pb2.CallWarning(field="config.model", message=message)])
        yield speech_done()

    async with compat() as (peer, http):
        peer.speak = speak
        (shown,) = json.loads((await http.post(ROUTE, json={"input": "a"})).headers["X-Warnings"])
        assert (shown["param"], shown["message"]) == ("model", "model: hibari answers in place of 'tts-1'")


async def test_request_id_and_trace_go_through_and_a_bad_id_is_replaced():
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    sent = [("x-request-id", "abc-1"), ("traceparent", trace), ("tracestate", "a=1"), ("tracestate", "b=2")]
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, json={"input": "a"}, headers=sent)
        assert answer.headers["x-request-id"] == peer.metadata[0]["x-request-id"] == "abc-1"
        assert (peer.metadata[0]["traceparent"], peer.metadata[0]["tracestate"]) == (trace, "a=1,b=2")
        bad = {"x-request-id": "a b" * 99, "traceparent": "x", "tracestate": "a=1"}
        answer = await http.post(ROUTE, json={"input": "a"}, headers=bad)
        assert answer.headers["x-request-id"] == peer.metadata[1]["x-request-id"] != ""
        assert not {"traceparent", "tracestate"} & set(peer.metadata[1])
