"""Transcription over HTTP with the real engine: containers, formats, silence, bad files."""

import io

import numpy as np
import pytest
import requests
import soundfile

pytestmark = pytest.mark.models

TEXT = "Please water the plants on the balcony tomorrow."
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def spoken(compat):
    answer = requests.post(
        f"{compat.http_url}/v1/audio/speech", json={"input": TEXT, "response_format": "wav"}, timeout=LIMIT_S
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
    assert "water the plants on the balcony" in answer.json()["text"].lower()
    assert answer.json()["usage"]["seconds"] == pytest.approx(len(spoken[0]) / spoken[1], abs=0.2)


def test_verbose_json_has_real_times(compat, spoken):
    body = transcribe(compat, encoded(*spoken, "WAV"), response_format="verbose_json").json()
    length_s = len(spoken[0]) / spoken[1]
    assert body["duration"] == pytest.approx(length_s, abs=0.1)
    assert body["segments"]
    assert all(0 <= segment["start"] < segment["end"] <= length_s + 0.1 for segment in body["segments"])


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
