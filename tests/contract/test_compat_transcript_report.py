"""What stands beside the words of a transcription over HTTP: report, confidence, usage, timings, options."""

import json

import pytest
from compat_peer import ListenEvent, compat
from test_compat_transcript_stream import messages
from test_compat_transcription_fields import ROUTE, TRANSLATIONS, error_of, form

from antiphon.speech.v1 import report_pb2, transcript_pb2, transcription_service_pb2

T, P = transcription_service_pb2, transcript_pb2
DOUBT = P.FiredCheck(name="average_log_prob", value=-1.25, limit=-1.0, start_ms=1500, end_ms=2500)
PIECES = [
    P.ListenedPiece(start_ms=0, end_ms=1500, end=P.PIECE_END_PAUSE, engine_ms=40.04),
    P.ListenedPiece(start_ms=1500, end_ms=3000, end=P.PIECE_END_AUDIO, engine_ms=20, checks=[DOUBT]),
]
REPORT = {
    "pieces": [
        {"start": 0.0, "end": 1.5, "ended_by": "pause", "engine_ms": 40.0, "checks": []},
        {
            "start": 1.5,
            "end": 3.0,
            "ended_by": "audio",
            "engine_ms": 20.0,
            "checks": [{"name": "average_log_prob", "value": -1.25, "limit": -1.0, "start": 1.5, "end": 2.5}],
        },
    ]
}
TIMINGS = {"first_output_ms": 12.3, "engine_ms": 60.0, "total_ms": 99.9}


def tells(*, input_tokens: int = 0, output_tokens: int = 0):
    """Two utterances, a piece each."""

    async def listen(requests):
        async for _ in requests:
            pass
        yield ListenEvent(started=T.TranscriptionStarted(model="ears"))
        for index, piece in enumerate(PIECES):
            sure = P.Segment(text="Hi.", start_ms=piece.start_ms, end_ms=piece.end_ms, confidence=0.25)
            segment = sure if index else P.Segment(text="Hi.", start_ms=piece.start_ms, end_ms=piece.end_ms)
            report = P.ListeningReport(pieces=[piece])
            yield ListenEvent(final=T.FinalTranscript(text="Hi.", segments=[segment], report=report))
        usage = report_pb2.Usage(input_audio_ms=3000, input_tokens=input_tokens, output_tokens=output_tokens)
        timings = report_pb2.Timings(first_output_ms=12.34, engine_ms=60, total_ms=99.9)
        yield ListenEvent(done=T.TranscriptionDone(audio_ms=3000, usage=usage, timings=timings))

    return listen


async def answer_of(*fields: tuple[str, str], route: str = ROUTE, **counts: int):
    """The config that a form becomes, the answer to it, and its body."""
    async with compat() as (peer, http):
        peer.listen = tells(**counts)
        answer = await http.post(route, data=form(*fields))
        assert answer.status == 200, await answer.text()
        return peer.requests[0].config, answer, await answer.text()


@pytest.mark.parametrize("route", [ROUTE, TRANSLATIONS])
@pytest.mark.parametrize("response_format", ["json", "verbose_json"])
async def test_a_report_stands_in_every_body_that_has_a_place_for_it(route, response_format):
    config, _, body = await answer_of(("report", "true"), ("response_format", response_format), route=route)
    assert config.report
    assert json.loads(body)["report"] == REPORT


async def test_a_report_comes_with_the_end_of_a_stream():
    _, _, body = await answer_of(("report", "1"), ("stream", "true"))
    *deltas, done, end = messages(body)
    assert (done["report"], done["timings"], end) == (REPORT, TIMINGS, "[DONE]")
    assert not any("report" in delta for delta in deltas)


async def test_no_report_unless_it_is_asked_for():
    for fields in ([], [("report", "false")], [("response_format", "verbose_json")], [("stream", "true")]):
        config, _, body = await answer_of(*fields)
        assert not config.report
        assert '"report"' not in body


@pytest.mark.parametrize("route", [ROUTE, TRANSLATIONS])
@pytest.mark.parametrize("response_format", ["text", "srt", "vtt"])
async def test_a_report_is_refused_where_there_is_no_place_for_it(route, response_format):
    error = await error_of(("report", "true"), ("response_format", response_format), route=route)
    assert error["param"] == "report"
    assert error["message"] == f"report needs response_format json or verbose_json, not {response_format}."


async def test_a_report_is_true_or_false():
    assert (await error_of(("report", "please")))["param"] == "report"


async def test_segments_say_how_sure_they_are_where_the_model_does():
    _, _, body = await answer_of(("response_format", "verbose_json"))
    assert [segment["confidence"] for segment in json.loads(body)["segments"]] == [None, 0.25]


@pytest.mark.parametrize("response_format", ["json", "verbose_json", "text", "srt", "vtt"])
async def test_usage_and_timings_are_in_every_answer(response_format):
    _, answer, body = await answer_of(("response_format", response_format))
    usage = {"type": "duration", "seconds": 3.0}
    assert json.loads(answer.headers["X-Usage"]) == usage
    assert answer.headers["Server-Timing"] == "first_output;dur=12.3, engine;dur=60.0, total;dur=99.9"
    if response_format.endswith("json"):
        found = json.loads(body)
        assert (found["usage"], found["timings"]) == (usage, TIMINGS)


async def test_tokens_are_counted_where_the_model_counts_them():
    _, _, body = await answer_of(input_tokens=40, output_tokens=2)
    counted = {"input_tokens": 40, "output_tokens": 2, "total_tokens": 42}
    assert json.loads(body)["usage"] == {"type": "duration", "seconds": 3.0, **counted}


@pytest.mark.parametrize("route", [ROUTE, TRANSLATIONS])
async def test_options_of_the_model_go_to_the_server_as_they_are(route):
    given = {"beams": 2, "patience": 0.5, "punctuate": False, "style": "terse"}
    config, answer, _ = await answer_of(("options", json.dumps(given)), route=route)
    found = {name: getattr(value, value.WhichOneof("kind")) for name, value in config.options.items()}
    assert (found, answer.headers["X-Warnings"]) == (given, "[]")


@pytest.mark.parametrize(
    ("options", "param"),
    [("beams", "options"), ("[1]", "options"), ('{"beams": [1]}', "options.beams"), ('{"beams": 1e999}', "options")],
)
async def test_options_that_are_none_are_refused(options, param):
    assert (await error_of(("options", options)))["param"] == param


@pytest.mark.parametrize(("given", "code"), [("English", "en"), ("haitian creole", "ht"), ("pt-BR", "pt-BR")])
async def test_languages_go_by_their_english_names_too(given, code):
    config, _, _ = await answer_of(("language", given))
    several, _, _ = await answer_of(("languages[]", given))
    assert (config.language, several.language) == (code, code)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            [("timestamp_granularities[]", "word"), ("response_format", "srt")],
            "timestamp_granularities[] needs response_format verbose_json, not srt.",
        ),
        (
            [("timestamp_granularities[]", "segment")],
            "timestamp_granularities[] needs response_format verbose_json, not json.",
        ),
        (
            [("include[]", "logprobs"), ("response_format", "vtt")],
            "include[] logprobs needs response_format json, not vtt.",
        ),
    ],
)
async def test_fields_that_do_not_go_together_are_both_named(fields, message):
    assert (await error_of(*fields))["message"] == message
