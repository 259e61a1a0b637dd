"""What beside the words goes through both processes: HTTP in front of a real server with a scripted model."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.refusals import wav
from support.servers import Compat, scripted_config, start_compat, start_server
from support.sessions import silence, voice

LIMIT_S = 60.0
EARS = """
[stt.options]
word_times = {word_times}
jobs_path = "{jobs_path}"
answers = ["one two", "three four", "five six"]
"""


@pytest.fixture(scope="module")
def jobs_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs") / "jobs.jsonl"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, jobs_path: Path) -> Iterator[Compat]:
    """HTTP in front of a model that thinks, has options, and no times of words."""
    folder = tmp_path_factory.mktemp("config")
    config = scripted_config(folder, EARS.format(word_times="false", jobs_path=jobs_path))
    text = config.read_text().replace("support.scripted:create_transcriber", "support.scripted_ears:create")
    config.write_text(text)
    server = start_server(config=config)
    compat = start_compat(server)
    yield compat
    compat.stop()
    server.stop()


def transcribe(front: Compat, audio: bytes | None = None, route: str = "transcriptions", **fields):
    return requests.post(
        f"{front.http_url}/v1/audio/{route}",
        files={"file": ("speech.wav", audio or wav(voice(800)))},
        data=fields,
        timeout=LIMIT_S,
    )


def last_job(jobs_path: Path) -> dict:
    found: dict = json.loads(jobs_path.read_text().splitlines()[-1])
    return found


def events_of(answer) -> list[dict]:
    lines = [line.decode() for line in answer.iter_lines() if line]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_fields_of_a_form_reach_the_model(front, jobs_path):
    fields = {
        "thinking": "off",
        "language": "German",
        "prompt": "A letter.",
        "keywords[]": ["Antiphon", "psalm"],
        "temperature": "0.5",
        "options": '{"beams": 2}',
    }
    answer = transcribe(front, **fields)
    assert (answer.status_code, answer.headers["X-Warnings"]) == (200, "[]")
    job = last_job(jobs_path)
    assert (job["thinking"], job["language"], job["prompt"]) == ("OFF", "de", "A letter.")
    assert (job["key_words"], job["temperature"], job["options"]["beams"]) == (["Antiphon", "psalm"], 0.5, 2)
    assert job["caller"]


def test_an_option_that_the_model_has_not_is_a_400_that_names_near_ones(front):
    answer = transcribe(front, options='{"beam": 2}')
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "options")
    assert "'beam'" in error["message"]
    assert "there is beams" in error["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "verbose_json", "timestamp_granularities[]": "word"}, "timestamp_granularities[]"),
        ({"include[]": "logprobs"}, "include[]"),
        ({"include[]": "logprobs", "stream": "true"}, "include[]"),
    ],
)
def test_times_of_words_are_a_400_on_a_model_without(front, fields, param):
    answer = transcribe(front, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, "unsupported_feature")
    assert error["message"] == f"{param}: scripted-stt has no word times"


@pytest.mark.parametrize("route", ["transcriptions", "translations"])
def test_an_unknown_language_is_a_400_that_names_near_ones(front, route):
    error = transcribe(front, route=route, language="eng").json()["error"]
    assert error["param"] == "language"
    assert error["message"] == "language: scripted-stt does not know the language 'eng'; there is en"


def test_subtitles_have_the_times_of_the_audio_also_without_times_of_words(front):
    answer = transcribe(front, wav(silence(3000) + voice(2000)), response_format="srt")
    assert answer.status_code == 200
    start, end = answer.text.splitlines()[1].split(" --> ")
    assert "00:00:02,400" <= start <= "00:00:03,100"
    assert "00:00:04,900" <= end <= "00:00:05,100"


def test_answers_tell_usage_and_timings_by_both_ways(front):
    whole = transcribe(front).json()
    *deltas, done = events_of(transcribe(front, stream="true"))
    assert "".join(delta["delta"] for delta in deltas) == done["text"]
    for found in (whole, done):
        assert found["usage"]["seconds"] == 0.8
        assert found["usage"]["output_tokens"] == 2
        assert {"engine_ms", "total_ms", "first_output_ms"} <= set(found["timings"])


def test_a_report_goes_through_both_processes(front):
    body = transcribe(front, wav(silence(2000) + voice(1000)), response_format="verbose_json", report="true").json()
    (piece,) = body["report"]["pieces"]
    assert 1.4 <= piece["start"] <= 2.1
    assert piece["ended_by"] == "audio"
    assert piece["checks"][0]["name"] == "average_log_prob"
    assert 0 < body["segments"][0]["confidence"] < 1


def test_a_long_upload_is_streamed_as_it_is_written_down(front):
    audio = wav(b"".join(voice(16_000) + silence(2_000) for _ in range(6)))
    answer = requests.post(
        f"{front.http_url}/v1/audio/transcriptions",
        files={"file": ("speech.wav", audio)},
        data={"stream": "true"},
        stream=True,
        timeout=LIMIT_S,
    )
    events = events_of(answer)
    assert len(events) >= 4, "told piece by piece"
    assert "".join(event["delta"] for event in events[:-1]) == events[-1]["text"]
