"""Translation over HTTP with the real engine: what a French speaker said, in English."""

import io
import wave

import openai
import pytest
import requests

from support.recordings import recording

pytestmark = pytest.mark.models

PROMPT = "confbridge-only-participant"  # "Vous êtes présentement le seul participant dans cette conférence."
ENGLISH = ("only participant", "conference")
LIMIT_S = 120.0


@pytest.fixture(scope="module")
def french() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(recording("fr", PROMPT))
    return file.getvalue()


def translate(compat, audio: bytes, **fields):
    return requests.post(
        f"{compat.http_url}/v1/audio/translations",
        files={"file": ("discours.wav", audio)},
        data={"model": "whisper-1", **fields},
        timeout=LIMIT_S,
    )


def test_foreign_speech_becomes_english(compat, french):
    answer = translate(compat, french)
    assert (answer.status_code, answer.headers["X-Model"]) == (200, "whisper-base")
    assert all(words in answer.json()["text"].lower() for words in ENGLISH)
    given = translate(compat, french, language="fr").json()["text"].lower()
    assert all(words in given for words in ENGLISH)
    refused = translate(compat, french, language="xx")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "language")


@pytest.mark.parametrize("response_format", ["text", "vtt", "verbose_json"])
def test_every_format_is_english(compat, french, response_format):
    answer = translate(compat, french, response_format=response_format)
    assert answer.status_code == 200
    assert all(words in answer.text.lower() for words in ENGLISH)
    if response_format == "verbose_json":
        assert (answer.json()["task"], answer.json()["language"]) == ("translate", "english")


def test_transcription_of_the_same_file_stays_french(compat, french):
    answer = requests.post(
        f"{compat.http_url}/v1/audio/transcriptions",
        files={"file": french},
        data={"response_format": "verbose_json"},
        timeout=LIMIT_S,
    ).json()
    assert (answer["task"], answer["language"]) == ("transcribe", "french")
    assert "participant" in answer["text"].lower()
    assert "only" not in answer["text"].lower()


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK announces the end of whisper-1
def test_openai_sdk_translates(compat, french):
    with openai.OpenAI(base_url=f"{compat.http_url}/v1", api_key="none", max_retries=0, timeout=LIMIT_S) as client:
        file = ("discours.wav", french)
        plain = client.audio.translations.create(file=file, model="whisper-1")
        verbose = client.audio.translations.create(file=file, model="whisper-1", response_format="verbose_json")
        assert "conference" in plain.text.lower()
        assert (verbose.language, "conference" in verbose.text.lower()) == ("english", True)
        assert verbose.segments[0].text in verbose.text
