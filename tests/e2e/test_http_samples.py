"""The documented HTTP samples, run as they stand, and the official OpenAI SDK."""

import shutil
import subprocess
import sys
from pathlib import Path

import openai
import pytest
import soundfile

from support.servers import Compat

pytestmark = pytest.mark.models

SPEECH_WAV = """
import requests
r = requests.post("$BASE" + "/v1/audio/speech", json={
    "input": "<|emotion:elation|><|sfx:laughter|>Haha, wonderful job!",
    "response_format": "wav",
})
open("out.wav", "wb").write(r.content)
"""
SPEECH_SDK = """
# Works with the OpenAI SDK (api_key is ignored here)
from openai import OpenAI
client = OpenAI(base_url="$BASE" + "/v1", api_key="not-needed")
client.audio.speech.create(
    model="higgs-audio-v3-tts",
    voice="default",
    input="<|emotion:contentment|>Good night, sleep tight.",
).stream_to_file("out.mp3")
"""
SPEECH_STREAM = """
import requests
# stream=True on the request so chunks are yielded as they decode
with requests.post("$BASE" + "/v1/audio/speech", stream=True, json={
    "input": "<|emotion:enthusiasm|>Streaming straight to your speakers!",
    "stream": True,
    "response_format": "pcm",  # required for streaming
}) as r, open("out.pcm", "wb") as f:
    for chunk in r.iter_content(chunk_size=4096):
        if chunk:
            f.write(chunk)  # 24kHz mono Int16LE samples
# play: ffplay -f s16le -ar 24000 -ac 1 out.pcm
"""
TRANSCRIPTION = """
import requests
r = requests.post("$BASE" + "/v1/audio/transcriptions", files={"file": open("speech.wav", "rb")},
                  data={"model": "higgs-stt"})
print(r.json()["text"])
"""
CURL_SPEECH = """
curl $BASE/v1/audio/speech -H "Content-Type: application/json" -d '{ "input":
"<|prosody:speed_slow|><|emotion:affection|>Hello little friend, you did great today!",
"response_format": "mp3" }' --output hello.mp3
"""
CURL_STREAM = """
curl -N $BASE/v1/audio/speech -H "Content-Type: application/json" -d '{ "input":
"<|emotion:enthusiasm|>Streaming straight to your speakers!", "stream": true,
"response_format": "pcm" }' --output out.pcm
"""
CURL_TRANSCRIPTION = """
curl $BASE/v1/audio/transcriptions -F "file=@speech.wav" -F "model=higgs-stt"
"""


def run_sample(sample: str, compat: Compat, folder: Path) -> str:
    code = sample.replace("$BASE", compat.http_url)
    # The samples leave their files to the interpreter and use a deprecated SDK call, as documented.
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_curl(sample: str, compat: Compat, folder: Path) -> str:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = " ".join(sample.replace("$BASE", compat.http_url).split("\n")).strip()
    done = subprocess.run(["sh", "-c", command], cwd=folder, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def client(compat: Compat):
    with openai.OpenAI(base_url=compat.http_url + "/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def speech_wav(client, tmp_path) -> Path:
    path = tmp_path / "speech.wav"
    answer = client.audio.speech.create(
        model="tts-1", voice="alloy", input="The weather is nice today.", response_format="wav"
    )
    path.write_bytes(answer.content)
    return path


def test_requests_sample_writes_a_wav_file(compat, tmp_path):
    run_sample(SPEECH_WAV, compat, tmp_path)
    samples, rate_hz = soundfile.read(tmp_path / "out.wav")
    assert rate_hz == 24000
    assert 0.5 < len(samples) / rate_hz < 10
    assert abs(samples).max() > 0.05


def test_sdk_sample_writes_an_mp3_file(compat, tmp_path):
    run_sample(SPEECH_SDK, compat, tmp_path)
    info = soundfile.info(tmp_path / "out.mp3")
    assert (info.format, info.samplerate, info.channels) == ("MP3", 24000, 1)
    assert 0.5 < info.duration < 10


def test_streaming_sample_writes_headerless_samples(compat, tmp_path):
    run_sample(SPEECH_STREAM, compat, tmp_path)
    samples, _ = soundfile.read(
        tmp_path / "out.pcm", samplerate=24000, channels=1, format="RAW", subtype="PCM_16", endian="LITTLE"
    )
    assert 0.5 < len(samples) / 24000 < 10
    assert abs(samples).max() > 0.05


def test_transcription_sample_prints_what_was_said(compat, tmp_path, speech_wav):
    assert "weather is nice today" in run_sample(TRANSCRIPTION, compat, tmp_path).lower()


def test_curl_samples(compat, tmp_path, speech_wav):
    run_curl(CURL_SPEECH, compat, tmp_path)
    assert soundfile.info(tmp_path / "hello.mp3").duration > 0.5
    run_curl(CURL_STREAM, compat, tmp_path)
    assert (tmp_path / "out.pcm").stat().st_size > 24000
    assert "weather is nice today" in run_curl(CURL_TRANSCRIPTION, compat, tmp_path).lower()


def test_sdk_reads_headers_models_and_transcripts(client, speech_wav):
    raw = client.audio.speech.with_raw_response.create(model="tts-1", voice={"id": "default"}, input="Hi there.")
    assert raw.headers["x-request-id"]
    assert raw.headers["X-Finish-Reason"] == "stop"
    assert raw.headers["X-Model"] in [model.id for model in client.models.list()]
    assert client.models.retrieve(raw.headers["X-Model"]).object == "model"
    with speech_wav.open("rb") as file:
        answer = client.audio.transcriptions.create(model="whisper-1", file=file)
    assert "weather is nice today" in answer.text.lower()
    assert answer.usage.type == "duration"


def test_sdk_streams_as_the_audio_is_made(client):
    create = client.audio.speech.with_streaming_response.create
    with create(
        model="tts-1", voice="nova", input="One. Two. Three.", response_format="pcm", extra_body={"stream": True}
    ) as answer:
        pieces = list(answer.iter_bytes())
    assert answer.headers["Content-Type"] == "audio/L16; rate=24000; channels=1"
    assert sum(map(len, pieces)) > 24000


def test_sdk_raises_its_own_errors(client, tmp_path):
    with pytest.raises(openai.NotFoundError) as missing:
        client.audio.speech.create(model="nobody", voice="alloy", input="Hi.")
    assert (missing.value.code, missing.value.param, missing.value.type) == (
        "model_not_found",
        "model",
        "not_found_error",
    )
    with pytest.raises(openai.BadRequestError) as unknown:
        client.audio.speech.create(model="tts-1", voice="nobody", input="Hi.")
    assert (unknown.value.code, unknown.value.param) == ("unknown_voice", "voice")
    assert unknown.value.request_id
    with pytest.raises(openai.BadRequestError) as bad:
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"PK\x03\x04" * 500))
    assert (bad.value.code, bad.value.param) == ("bad_audio", "file")
