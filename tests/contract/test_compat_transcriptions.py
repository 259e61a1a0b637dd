"""``POST /v1/audio/transcriptions`` against a scripted server: forms, formats, callers who leave."""

import asyncio
import io

import aiohttp
import pytest
from compat_peer import LIMIT_S, ListenEvent, Refusal, compat

from antiphon.speech.v1 import audio_pb2, transcript_pb2, transcription_service_pb2

ROUTE = "/v1/audio/transcriptions"
PART = '--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n'
FILE = PART.format(name="file", file='; filename="a.wav"', value="RIFFRIFF")
END = "--b--\r\n"


def form(audio: bytes = b"x" * 10, **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("file", io.BytesIO(audio), filename="speech.wav", content_type="audio/wav")
    for name, value in fields.items():
        data.add_field(name, value)
    return data


async def spoken(requests):
    async for _ in requests:
        pass
    t = transcription_service_pb2
    segment = transcript_pb2.Segment(
        text=" Hi --> there. ", start_ms=3_661_001, end_ms=3_662_500, average_log_prob=-0.5
    )
    word = transcript_pb2.Word(text="Hi", start_ms=100, end_ms=200)
    yield ListenEvent(started=t.TranscriptionStarted(model="ears"))
    yield ListenEvent(final=t.FinalTranscript(text="Hi.", segments=[segment], words=[word], language="en"))
    yield ListenEvent(final=t.FinalTranscript(text="", no_speech=True))
    yield ListenEvent(final=t.FinalTranscript(text="Bye."))
    yield ListenEvent(done=t.TranscriptionDone(audio_ms=2500))


async def test_upload_goes_out_in_small_pieces_after_its_config():
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, data=form(b"a" * 150_000, model="whisper-1", language="en", temperature="0.2"))
        assert await answer.json() == {"text": "hello 150000", "usage": {"type": "duration", "seconds": 1.5}}
        assert answer.headers["X-Model"] == "ears"
        config = peer.requests[0].config
        assert (config.model, config.language, config.temperature) == ("whisper-1", "en", 0.2)
        assert config.format.encoding == audio_pb2.AUDIO_ENCODING_CONTAINER
        assert [len(request.audio) for request in peer.requests[1:-1]] == [65536, 65536, 150_000 - 131072]
        assert peer.requests[-1].HasField("finish")


async def test_fields_after_the_file_count_too():
    body = "".join([FILE, PART.format(name="model", file="", value="ears"), END])
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, data=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
        assert (answer.status, peer.requests[0].config.model) == (200, "ears")


@pytest.mark.parametrize(
    ("response_format", "content_type", "body"),
    [
        ("text", "text/plain", "Hi. Bye.\n"),
        ("srt", "text/plain", "1\n01:01:01,001 --> 01:01:02,500\nHi -> there.\n"),
        ("vtt", "text/vtt", "WEBVTT\n\n01:01:01.001 --> 01:01:02.500\nHi -> there.\n"),
    ],
)
async def test_bare_formats(response_format, content_type, body):
    async with compat() as (peer, http):
        peer.listen = spoken
        answer = await http.post(ROUTE, data=form(response_format=response_format))
        assert (answer.content_type, await answer.text()) == (content_type, body)


async def test_verbose_json_has_null_where_the_model_has_no_number():
    async with compat() as (peer, http):
        peer.listen = spoken
        data = form(response_format="verbose_json")
        data.add_field("timestamp_granularities[]", "word")
        body = await (await http.post(ROUTE, data=data)).json()
        assert (body["text"], body["language"], body["duration"]) == ("Hi. Bye.", "english", 2.5)
        assert body["words"] == [{"word": "Hi", "start": 0.1, "end": 0.2}]
        assert (body["segments"][0]["avg_logprob"], body["segments"][0]["no_speech_prob"]) == (-0.5, None)
        assert peer.requests[0].config.word_times is True


async def test_times_are_never_made_up():
    async with compat() as (_, http):
        answer = await http.post(ROUTE, data=form(response_format="srt"))
        error = (await answer.json())["error"]
        assert (answer.status, error["param"], error["code"]) == (400, "response_format", "unsupported_feature")


async def test_silence_is_an_empty_text():
    async def listen(requests):
        async for _ in requests:
            pass
        yield ListenEvent(final=transcription_service_pb2.FinalTranscript(no_speech=True))
        yield ListenEvent(done=transcription_service_pb2.TranscriptionDone(audio_ms=1000))

    async with compat() as (peer, http):
        peer.listen = listen
        assert (await (await http.post(ROUTE, data=form())).json())["text"] == ""
        assert (await (await http.post(ROUTE, data=form(response_format="srt"))).text()) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response_format", "yaml"),
        ("temperature", "1.1"),
        ("temperature", "nan"),
        ("temperature", "1e999"),
        ("temperature", "warm"),
        ("stream", "maybe"),
        ("thinking", "hard"),
        ("timestamp_granularities[]", "letter"),
        ("timestamp_granularities[]", "word"),
        ("prompt", "p" * 4097),
        ("model", "m" * 257),
        ("made_up", "v" * 70_000),
    ],
)
async def test_bad_form_field_is_a_400_that_names_it(name, value):
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, data=form(**{name: value}))
        error = (await answer.json())["error"]
        assert (answer.status, error["param"], peer.num_calls) == (400, name, 0)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("", None),
        ("no form at all", None),
        (END, "file"),
        (FILE, None),
        (FILE[:-6], None),
        (FILE + "--wrong\r\n", None),
        (FILE + FILE + END, "file"),
        (PART.format(name="model", file="", value="x") + END, "file"),
        (PART.format(name="file", file="", value="RIFF") + END, "file"),
        (PART.format(name="file", file='; filename="a.wav"', value="") + END, "file"),
        (PART.format(name="model", file="", value="x") * 512 + FILE + END, None),
        (FILE.replace("\r\n\r\n", "\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n") + END, None),
        ("--b\r\nno colon here\r\n\r\nx\r\n" + END, None),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_malformed_form_is_a_400(body, param):
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, data=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
        error = (await answer.json())["error"]
        assert (answer.status, error["param"], peer.num_calls) == (400, param, 0), error


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "multipart/mixed; boundary=b"])
async def test_body_of_another_kind_is_refused(kind):
    async with compat() as (_, http):
        answer = await http.post(ROUTE, data=b"{}", headers={"Content-Type": kind})
        assert answer.status in (400, 415)
        assert list((await answer.json())["error"]) == ["message", "type", "param", "code"]


async def test_upload_over_the_limit_is_413():
    async with compat(max_upload_mb=1) as (peer, http):
        answer = await http.post(ROUTE, data=form(b"a" * (1024 * 1024 + 1)))
        error = (await answer.json())["error"]
        assert (answer.status, error["code"], error["param"]) == (413, "body_too_large", "file")
        assert peer.num_calls == 0


async def test_refused_audio_names_the_file():
    async def listen(requests):
        raise Refusal("BAD_AUDIO", "The audio cannot be decoded.", field="audio")
        yield

    async with compat() as (peer, http):
        peer.listen = listen
        answer = await http.post(ROUTE, data=form(b"a" * 1_000_000))
        error = (await answer.json())["error"]
        assert (answer.status, error["param"], error["code"]) == (400, "file", "bad_audio")


async def test_client_that_goes_away_cancels_the_transcription():
    reached = asyncio.Event()

    async def listen(requests):
        reached.set()
        await asyncio.Event().wait()
        yield

    async with compat() as (peer, http):
        peer.listen = listen
        posting = asyncio.ensure_future(http.post(ROUTE, data=form()))
        async with asyncio.timeout(LIMIT_S):
            await reached.wait()
            posting.cancel()
            await peer.cancelled.wait()


async def test_body_that_pauses_too_long_is_408():
    async def slowly():
        yield (FILE[:40]).encode()
        await asyncio.Event().wait()

    async with compat(body_idle_timeout_s=1) as (peer, http):
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        async with asyncio.timeout(LIMIT_S):
            answer = await http.post(ROUTE, data=slowly(), headers=kind)
        assert (answer.status, (await answer.json())["error"]["code"], peer.num_calls) == (408, "body_too_slow", 0)
