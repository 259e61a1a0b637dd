"""Transcription over HTTP with the real engine: containers, formats, silence, bad files."""

import io
import json
import math

import numpy as np
import pytest
import requests
import soundfile

from support.speech import word_error_rate

pytestmark = pytest.mark.models

TEXT = "Please water the plants on the balcony tomorrow."
WORDS = "water the plants on the balcony"
OTHERS = ("The old bridge was closed for repairs last winter.", "Where is the nearest railway station?")
LIMIT_S = 120.0


@pytest.fixture(scope="module")
def spoken(compat):
    return speak(compat, TEXT)


def speak(compat, text: str):
    answer = requests.post(
        f"{compat.http_url}/v1/audio/speech", json={"input": text, "response_format": "wav"}, timeout=LIMIT_S
    )
    return soundfile.read(io.BytesIO(answer.content))


def encoded(samples, rate_hz: int, kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind)
    return file.getvalue()


def transcribe(compat, audio: bytes, **fields):
    return requests.post(
        f"{compat.http_url}/v1/audio/transcriptions",
        files={"file": ("speech.bin", audio)},
        data=fields,
        timeout=LIMIT_S,
    )


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_container_is_recognised_from_its_content(compat, spoken, kind):
    answer = transcribe(compat, encoded(*spoken, kind), model="higgs-stt")
    assert answer.status_code == 200
    assert WORDS in answer.json()["text"].lower()
    assert answer.json()["usage"]["seconds"] == pytest.approx(len(spoken[0]) / spoken[1], abs=0.2)


def test_verbose_json_has_real_times(compat, spoken):
    body = transcribe(compat, encoded(*spoken, "WAV"), response_format="verbose_json").json()
    length_s = len(spoken[0]) / spoken[1]
    assert body["duration"] == pytest.approx(length_s, abs=0.1)
    assert body["segments"]
    assert all(0 <= segment["start"] < segment["end"] <= length_s + 0.1 for segment in body["segments"])


def joined(clips, rate_hz: int, *, pause_s: float) -> bytes:
    """One file of several clips, a pause behind each."""
    pause = np.zeros(int(rate_hz * pause_s))
    return encoded(np.concatenate([part for clip in clips for part in (clip, pause)]), rate_hz, "FLAC")


def test_words_have_real_times(compat, spoken):
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}
    body = transcribe(compat, encoded(*spoken, "WAV"), **fields).json()
    times = [time for word in body["words"] for time in (word["start"], word["end"])]
    assert [word["word"].strip(".,").lower() for word in body["words"]] == TEXT.strip(".").lower().split()
    assert times == sorted(times)
    assert times[-1] <= body["duration"] + 0.1


@pytest.mark.parametrize(("times", "pause_s"), [(2, 0.3), (8, 1.0)])
def test_sentence_stands_as_often_as_it_was_said(compat, spoken, times, pause_s):
    file = joined([spoken[0]] * times, spoken[1], pause_s=pause_s)
    assert transcribe(compat, file).json()["text"].lower().count(WORDS) == times


def test_subtitles_have_a_cue_for_each_sentence(compat, spoken):
    file = joined([spoken[0]] * 2, spoken[1], pause_s=2)
    cues = transcribe(compat, file, response_format="srt").text.split("\n\n")
    starts = [cue.split("\n")[1].split(" --> ")[0] for cue in cues]
    assert len(cues) >= 2
    assert starts == sorted(set(starts))


def test_log_probabilities_are_of_the_words_of_the_text(compat, spoken):
    body = transcribe(compat, encoded(*spoken, "WAV"), **{"include[]": "logprobs"}).json()
    assert "".join(row["token"] for row in body["logprobs"]) == body["text"]
    assert all(-10 < row["logprob"] <= 0 for row in body["logprobs"])
    assert 0.5 < math.exp(sum(row["logprob"] for row in body["logprobs"]) / len(body["logprobs"])) <= 1
    assert b"".join(bytes(row["bytes"]) for row in body["logprobs"]).decode() == body["text"]


def events_of(answer) -> list[dict]:
    lines = [line.decode() for line in answer.iter_lines() if line]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_deltas_come_before_the_end_and_are_the_text(compat, spoken):
    sentences = [spoken[0], *(speak(compat, text)[0] for text in OTHERS), spoken[0]]
    long_file = joined(sentences, spoken[1], pause_s=5)  # a pause behind 15 s of an utterance ends a piece of it
    whole = transcribe(compat, long_file).json()
    events = events_of(transcribe(compat, long_file, stream="true"))
    deltas = [event["delta"] for event in events[:-1]]
    assert len(deltas) >= 2, "a long file is told piece by piece"
    assert "".join(deltas) == events[-1]["text"]
    assert word_error_rate(whole["text"], events[-1]["text"]) <= 0.1
    assert word_error_rate(" ".join([TEXT, *OTHERS, TEXT]), events[-1]["text"]) <= 0.2
    assert events[-1]["usage"] == whole["usage"]
    assert events[-1]["model"] == "whisper-base"


def test_server_vad_gives_an_utterance_for_each_sentence(compat, spoken):
    file = joined([spoken[0]] * 2, spoken[1], pause_s=2)
    strategy = json.dumps({"type": "server_vad", "silence_duration_ms": 800, "threshold": 0.5})
    events = events_of(transcribe(compat, file, stream="true", chunking_strategy=strategy))
    assert [WORDS in event["delta"].lower() for event in events[:-1]] == [True, True]
    assert events[-1]["text"].lower().count(WORDS) == 2


@pytest.mark.parametrize("length_s", [0.5, 3.0])
def test_silence_is_an_empty_text(compat, length_s):
    answer = transcribe(compat, encoded(np.zeros(int(16000 * length_s)), 16000, "WAV"))
    assert (answer.status_code, answer.json()["text"]) == (200, "")


@pytest.mark.parametrize(
    "audio",
    [b"PK\x03\x04" + b"zip" * 1000, b"RIFF\x00\x00\x00\x00WAVE", b"\x1aE\xdf\xa3" + b"\x00" * 100, b"plain text"],
    ids=["zip", "empty_wav", "cut_webm", "text"],
)
def test_file_that_is_no_audio_is_a_400(compat, audio):
    answer = transcribe(compat, audio)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, "file", "bad_audio"), error


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "diarized_json"}, "response_format"),
        ({"temperature": "2"}, "temperature"),
        ({"language": "klingon"}, "language"),
    ],
)
def test_bad_field_is_a_400_that_names_it(compat, spoken, fields, param):
    answer = transcribe(compat, encoded(*spoken, "WAV"), **fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_unknown_model_is_a_404(compat, spoken):
    answer = transcribe(compat, encoded(*spoken, "WAV"), model="nobody")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_missing_file_and_malformed_form_are_400(compat):
    url = f"{compat.http_url}/v1/audio/transcriptions"
    missing = requests.post(url, files={"other": ("a", b"x")}, timeout=LIMIT_S)
    assert (missing.status_code, missing.json()["error"]["param"]) == (400, "file")
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    cut = requests.post(url, data=b"--b\r\nContent-Disposition: form-data", headers=kind, timeout=LIMIT_S)
    assert cut.status_code == 400
