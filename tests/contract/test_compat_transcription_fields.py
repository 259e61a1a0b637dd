"""Fields of ``POST /v1/audio/transcriptions`` and ``/translations`` against a scripted server."""

import json

import aiohttp
import pytest
from compat_peer import ListenEvent, Refusal, compat

from antiphon.speech.v1 import transcript_pb2, transcription_service_pb2

ROUTE = "/v1/audio/transcriptions"
TRANSLATIONS = "/v1/audio/translations"
T = transcription_service_pb2
VAD = {"type": "server_vad", "prefix_padding_ms": 200, "silence_duration_ms": 700, "threshold": 0.25}


def form(*fields: tuple[str, str]) -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("file", b"x" * 10, filename="speech.wav", content_type="audio/wav")
    for name, value in fields:
        data.add_field(name, value)
    return data


async def config_of(*fields: tuple[str, str], route: str = ROUTE):
    """The config that a form becomes, and the answer to it."""
    async with compat() as (peer, http):
        peer.listen = hears(("Hello", 0.5))
        answer = await http.post(route, data=form(*fields))
        assert answer.status == 200, await answer.text()
        return peer.requests[0].config, answer


async def error_of(*fields: tuple[str, str], route: str = ROUTE):
    async with compat() as (peer, http):
        answer = await http.post(route, data=form(*fields))
        body = await answer.json()
        assert (answer.status, peer.num_calls) == (400, 0), body
        assert list(body["error"]) == ["message", "type", "param", "code"]
        return body["error"]


def hears(*words: tuple[str, float | None]):
    async def listen(requests):
        async for _ in requests:
            pass
        found = [transcript_pb2.Word(text=text, start_ms=0, end_ms=1, confidence=sure) for text, sure in words]
        text = " ".join(text for text, _ in words)
        segment = transcript_pb2.Segment(text=text, start_ms=0, end_ms=1)
        yield ListenEvent(started=T.TranscriptionStarted(model="ears"))
        yield ListenEvent(final=T.FinalTranscript(text=text, words=found, segments=[segment], language="es"))
        yield ListenEvent(done=T.TranscriptionDone(audio_ms=2500))

    return listen


@pytest.mark.parametrize(
    "fields",
    [
        [("chunking_strategy", json.dumps(VAD))],
        [(f"chunking_strategy[{key}]", str(value)) for key, value in VAD.items()],
    ],
    ids=["json", "keys"],
)
async def test_server_vad_decides_where_utterances_end(fields):
    config, _ = await config_of(*fields)
    endpoint = config.endpoint
    assert endpoint.mode == T.ENDPOINT_MODE_VOICE_ACTIVITY
    assert (endpoint.prefix_padding_ms, endpoint.silence_ms, endpoint.threshold) == (200, 700, 0.25)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("chunking_strategy", "")],
        [("chunking_strategy", "auto")],
        [("chunking_strategy", '"auto"')],
        [("chunking_strategy[type]", "auto")],
    ],
    ids=repr,
)
async def test_automatic_chunking_is_what_happens_anyway(fields):
    config, _ = await config_of(*fields)
    assert not config.endpoint.HasField("threshold")
    assert config.endpoint.mode == T.ENDPOINT_MODE_UNSPECIFIED


async def test_server_vad_without_numbers_leaves_them_to_the_server():
    config, _ = await config_of(("chunking_strategy[type]", "server_vad"))
    assert config.endpoint == T.EndpointConfig(mode=T.ENDPOINT_MODE_VOICE_ACTIVITY)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("chunking_strategy", "never")], "chunking_strategy"),
        ([("chunking_strategy", "[1]")], "chunking_strategy"),
        ([("chunking_strategy", '{"type": "semantic_vad"}')], "chunking_strategy"),
        ([("chunking_strategy", '{"threshold": 0.5}')], "chunking_strategy"),
        ([("chunking_strategy", '{"type": "auto", "threshold": 0.5}')], "chunking_strategy"),
        ([("chunking_strategy", '{"type": "server_vad", "treshold": 0.5}')], "chunking_strategy"),
        ([("chunking_strategy", '{"type": "server_vad", "threshold": 1.5}')], "chunking_strategy.threshold"),
        ([("chunking_strategy", '{"type": "server_vad", "threshold": "0.5"}')], "chunking_strategy.threshold"),
        ([("chunking_strategy", '{"type": "server_vad", "threshold": NaN}')], "chunking_strategy"),
        (
            [("chunking_strategy", '{"type": "server_vad", "silence_duration_ms": 99}')],
            "chunking_strategy.silence_duration_ms",
        ),
        (
            [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[prefix_padding_ms]", "20.5")],
            "chunking_strategy.prefix_padding_ms",
        ),
        (
            [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "loud")],
            "chunking_strategy.threshold",
        ),
        ([("chunking_strategy", "auto"), ("chunking_strategy[type]", "auto")], "chunking_strategy"),
        ([("chunking_strategy", "auto"), ("chunking_strategy", "auto")], "chunking_strategy"),
        ([("response_format", "diarized_json")], "response_format"),
        ([("known_speaker_names[]", "Ann")], "known_speaker_names[]"),
        ([("known_speaker_references", "data:audio/wav;base64,AA")], "known_speaker_references[]"),
        ([("include[]", "segments")], "include[]"),
        ([("include[]", "logprobs"), ("response_format", "text")], "include[]"),
        ([("stream", "true"), ("response_format", "srt")], "stream"),
        ([("stream", "true"), ("response_format", "verbose_json")], "stream"),
        ([("timestamp_granularities", "word")], "timestamp_granularities[]"),
        ([("language", "en"), ("languages[]", "de")], "languages[]"),
        ([("language", "en"), ("language", "en")], "language"),
        ([("temperature", "0"), ("temperature", "1")], "temperature"),
        ([("stream", "true"), ("stream", "false")], "stream"),
        ([("keywords[]", "w" * 129)], "keywords[]"),
        ([("keywords[]", "w")] * 257, "keywords[]"),
        ([("keywords", "w")] * 30 + [("keywords[]", "w")] * 30 + [("temperature", "x")], "temperature"),
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_field_that_cannot_be_honoured_is_a_400_that_names_it(fields, param):
    assert (await error_of(*fields))["param"] == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("stream", "true")], "stream"),
        ([("include[]", "logprobs")], "include"),
        ([("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")], "timestamp_granularities"),
        ([("chunking_strategy", "auto")], "chunking_strategy"),
        ([("chunking_strategy[type]", "auto")], "chunking_strategy"),
        ([("known_speaker_names[]", "Ann")], "known_speaker_names"),
        ([("response_format", "diarized_json")], "response_format"),
        ([("temperature", "2")], "temperature"),
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_translation_refuses_what_only_transcriptions_have(fields, param):
    assert (await error_of(*fields, route=TRANSLATIONS))["param"] == param


async def test_lists_count_with_and_without_brackets():
    config, _ = await config_of(
        ("keywords[]", "Antiphon"),
        ("keywords", "psalm"),
        ("timestamp_granularities", "word"),
        ("timestamp_granularities", "segment"),
        ("response_format", "verbose_json"),
        ("nobody_knows_this", "1"),
        ("nobody_knows_this", "2"),
    )
    assert list(config.key_words) == ["Antiphon", "psalm"]
    assert config.word_times


async def test_as_many_key_words_are_taken_as_are_promised():
    config, _ = await config_of(*(("keywords[]", f"word{n}") for n in range(256)))
    assert len(config.key_words) == 256


@pytest.mark.parametrize("spelling", ["true", "True", "1"])
async def test_stream_is_read_as_callers_spell_it(spelling):
    config, answer = await config_of(("stream", spelling))
    assert answer.content_type == "text/event-stream"
    assert config.partial_interval_ms


async def test_thinking_is_passed_on():
    for value, expected in {"on": T.THINKING_ON, "off": T.THINKING_OFF, "auto": T.THINKING_AUTO}.items():
        config, _ = await config_of(("thinking", value))
        assert config.thinking == expected


@pytest.mark.parametrize("route", [ROUTE, TRANSLATIONS])
async def test_one_possible_language_is_the_language_and_several_are_reported(route):
    config, answer = await config_of(("languages[]", "de"), route=route)
    assert (config.language, json.loads(answer.headers["X-Warnings"])) == ("de", [])
    config, answer = await config_of(("languages[]", "de"), ("languages[]", "fr"), route=route)
    (warning,) = json.loads(answer.headers["X-Warnings"])
    assert (config.language, warning["code"], warning["param"]) == ("", "field_ignored", "languages")


async def test_log_probabilities_are_those_of_the_words():
    async with compat() as (peer, http):
        peer.listen = hears(("Grüß", 0.5), ("Gott.", 1.0), ("Nie", 0.0))
        body = await (await http.post(ROUTE, data=form(("include[]", "logprobs")))).json()
        assert peer.requests[0].config.word_times
        assert "".join(row["token"] for row in body["logprobs"]) == body["text"] == "Grüß Gott. Nie"
        assert [row["logprob"] for row in body["logprobs"]] == [pytest.approx(-0.6931, abs=1e-4), 0.0, -9999.0]
        assert bytes(body["logprobs"][0]["bytes"]) == "Grüß".encode()


async def test_log_probabilities_that_the_model_does_not_give_are_a_400():
    async with compat() as (peer, http):
        peer.listen = hears(("Hello", None))
        error = (await (await http.post(ROUTE, data=form(("include[]", "logprobs")))).json())["error"]
        assert (error["param"], error["code"]) == ("include[]", "unsupported_feature")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("include", "logprobs")], "include[]"),
        ([("response_format", "verbose_json"), ("timestamp_granularities[]", "word")], "timestamp_granularities[]"),
    ],
)
async def test_model_without_word_times_refuses_the_field_that_asked_for_them(fields, param):
    async def listen(requests):
        raise Refusal("UNSUPPORTED_FEATURE", "ears has no word times", field="config.word_times")
        yield

    async with compat() as (peer, http):
        peer.listen = listen
        answer = await http.post(ROUTE, data=form(*fields))
        assert (answer.status, (await answer.json())["error"]["param"]) == (400, param)


async def test_words_that_never_came_are_a_400():
    async def listen(requests):
        async for event in hears(("Hello", None))(requests):
            if event.HasField("final"):
                event.final.ClearField("words")
            yield event

    async with compat() as (peer, http):
        peer.listen = listen
        fields = [("response_format", "verbose_json"), ("timestamp_granularities[]", "word")]
        error = (await (await http.post(ROUTE, data=form(*fields))).json())["error"]
        assert (error["param"], error["code"]) == ("timestamp_granularities[]", "unsupported_feature")


async def test_translation_asks_for_english_and_says_so():
    async with compat() as (peer, http):
        peer.listen = hears(("Hello", None))
        answer = await http.post(TRANSLATIONS, data=form(("response_format", "verbose_json"), ("prompt", "A letter")))
        body = await answer.json()
        config = peer.requests[0].config
        assert (config.task, config.prompt) == (T.TRANSCRIPTION_TASK_TRANSLATE, "A letter")
        assert (body["task"], body["language"], body["text"], body["duration"]) == (
            "translate",
            "english",
            "Hello",
            2.5,
        )


@pytest.mark.parametrize(
    ("response_format", "body"),
    [
        ("json", '{"text": "Hello", "usage": {"type": "duration", "seconds": 2.5}}'),
        ("text", "Hello\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:00,001\nHello\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:00.001\nHello\n"),
    ],
)
async def test_translation_has_every_format(response_format, body):
    async with compat() as (peer, http):
        peer.listen = hears(("Hello", None))
        answer = await http.post(TRANSLATIONS, data=form(("response_format", response_format)))
        assert (answer.status, await answer.text()) == (200, body)


async def test_model_that_cannot_translate_is_a_400_that_names_it():
    async def listen(requests):
        raise Refusal("UNSUPPORTED_FEATURE", "ears cannot translate", field="config.task")
        yield

    async with compat() as (peer, http):
        peer.listen = listen
        error = (await (await http.post(TRANSLATIONS, data=form(("model", "ears")))).json())["error"]
        assert (error["param"], error["code"]) == ("model", "unsupported_feature")
