"""Speech over HTTP with the real engine: every format checked independently, every bad input, callers who leave."""

import base64
import io
import json
import socket
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
import soundfile

pytestmark = pytest.mark.models

TEXT = "The quick brown fox jumps over the lazy dog."
LIMIT_S = 20.0
SOUNDFILE_FORMATS = {"mp3": "MP3", "opus": "OGG", "flac": "FLAC", "wav": "WAV"}


def speak(compat, **fields):
    body = {"input": TEXT, "seed": 5} | fields
    return requests.post(f"{compat.http_url}/v1/audio/speech", json=body, timeout=LIMIT_S)


def samples_of(answer):
    return np.frombuffer(answer.content, "<i2")


def adts_lengths(data: bytes) -> list[int]:
    at, lengths = 0, []
    while at < len(data):
        assert data[at] == 0xFF
        assert data[at + 1] & 0xF6 == 0xF0
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        lengths.append(length)
        at += length
    assert at == len(data)
    return lengths


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("response_format", SOUNDFILE_FORMATS)
def test_every_format_holds_the_whole_speech(compat, response_format, is_streamed):
    num_spoken = len(samples_of(speak(compat, response_format="pcm")))
    answer = speak(compat, response_format=response_format, stream=is_streamed)
    assert answer.status_code == 200
    content = bytearray(answer.content)
    if response_format == "flac" and is_streamed:
        assert content[22:26] == bytes(4)  # a streamed file does not say how long it is, and this reader must be told
        content[22:26] = num_spoken.to_bytes(4, "big")
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        samples = file.read()
        assert (file.format, file.channels) == (SOUNDFILE_FORMATS[response_format], 1)
        assert file.samplerate in ((24000, 48000) if response_format == "opus" else (24000,))
        assert len(samples) / file.samplerate == pytest.approx(num_spoken / 24000, abs=0.15)
    assert np.abs(samples).max() > 0.05


@pytest.mark.parametrize("is_streamed", [False, True])
def test_aac_is_whole_adts_frames(compat, is_streamed):
    spoken_s = len(samples_of(speak(compat, response_format="pcm"))) / 24000
    answer = speak(compat, response_format="aac", stream=is_streamed)
    assert len(adts_lengths(answer.content)) * 1024 / 24000 == pytest.approx(spoken_s, abs=0.15)


def test_streamed_samples_equal_whole_ones(compat):
    whole, streamed = speak(compat, response_format="pcm"), speak(compat, response_format="pcm", stream=True)
    assert streamed.headers["Transfer-Encoding"] == "chunked"
    assert whole.headers["Content-Length"] == str(len(whole.content))
    assert whole.content == streamed.content


@pytest.mark.parametrize("response_format", ["mp3", "aac", "flac", "wav", "pcm"])
def test_events_hold_the_bytes_of_the_stream(compat, response_format):
    asked = {"input": "Hi there.", "response_format": response_format}
    answer = speak(compat, **asked, stream_format="sse")
    events = [json.loads(event.removeprefix("data: ")) for event in answer.text.split("\n\n") if event]
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["output_audio_ms"] > 300
    joined = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert joined == speak(compat, **asked, stream=True).content


def test_whole_wav_states_its_true_length(compat):
    wav = speak(compat, response_format="wav")
    assert int.from_bytes(wav.content[4:8], "little") == len(wav.content) - 8
    pcm = speak(compat, response_format="pcm")
    np.testing.assert_array_equal(soundfile.read(io.BytesIO(wav.content), dtype="int16")[0], samples_of(pcm))


def test_speed_changes_the_length(compat):
    slow, fast = speak(compat, response_format="pcm", speed=0.5), speak(compat, response_format="pcm", speed=2.0)
    assert len(slow.content) / len(fast.content) == pytest.approx(4, rel=0.25)


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"input": ""}, 400, "input", "text_empty"),
        ({"input": "  "}, 400, "input", "text_empty"),
        ({"input": 5}, 400, "input", "invalid_field"),
        ({"input": "a" * 5001}, 400, "input", "text_too_long"),
        ({"voice": "nobody"}, 400, "voice", "unknown_voice"),
        ({"voice": 5}, 400, "voice", "invalid_field"),
        ({"model": "nobody"}, 404, "model", "model_not_found"),
        ({"response_format": "midi"}, 400, "response_format", "unsupported_format"),
        ({"speed": 5}, 400, "speed", "invalid_field"),
        ({"temperature": 3}, 400, "temperature", "invalid_field"),
        ({"top_p": 0}, 400, "top_p", "invalid_field"),
        ({"top_k": True}, 400, "top_k", "invalid_field"),
        ({"ref_audio": "UklGRg=="}, 400, "ref_audio", "unsupported_feature"),
        ({"ref_audio": "../../etc/passwd"}, 400, "ref_audio", "invalid_field"),
    ],
)
def test_bad_input_is_one_clear_error(compat, fields, status, param, code):
    answer = speak(compat, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (status, param, code)
    assert list(error) == ["message", "type", "param", "code"]
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"input": NaN}', b'{"input": "\xff"}', b'{"input": "a", "speed": 1e400}']
)
def test_malformed_json_is_a_400(compat, body):
    kind = {"Content-Type": "application/json"}
    answer = requests.post(f"{compat.http_url}/v1/audio/speech", data=body, headers=kind, timeout=LIMIT_S)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_body_over_the_limit_is_413(compat):
    answer = speak(compat, input="a" * (17 * 1024 * 1024))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_whole_flac_states_its_true_length(compat):
    with soundfile.SoundFile(io.BytesIO(speak(compat, response_format="flac").content)) as file:
        assert file.frames == len(samples_of(speak(compat, response_format="pcm")))


def test_caller_who_leaves_frees_the_server(server, compat):
    request_id = "leaves-in-the-middle"
    body = json.dumps({"input": f"{TEXT} " * 100, "stream": True, "response_format": "pcm"}).encode()
    head = (
        f"POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nx-request-id: {request_id}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    address = urlsplit(compat.http_url)
    with socket.create_connection((address.hostname, address.port), timeout=LIMIT_S) as caller:
        caller.sendall(head.encode() + body)
        assert caller.recv(4096).startswith(b"HTTP/1.1 200")
    assert ending_of(server, request_id)["reason"] == "CANCELLED"


def ending_of(server, request_id: str) -> dict[str, object]:
    """Wait for the server's log line of a call; nothing else tells from outside that it has ended."""
    ends_s = time.monotonic() + LIMIT_S
    while time.monotonic() < ends_s:
        for line in list(server.log_lines):
            if request_id in line and "call_ended" in line:
                return json.loads(line)
        time.sleep(0.02)
    raise AssertionError("the call did not end")


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("response_format", ["mp3", "opus", "wav", "pcm"])
def test_text_of_which_the_model_can_speak_nothing_is_a_400(compat, response_format, is_streamed):
    answer = speak(compat, input="你好", model="hibari", response_format=response_format, stream=is_streamed)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "text_empty", "input")
    assert "hibari" in error["message"]
