"""Cloned voices over HTTP, through the real processes and a tiny Higgs: every way in, streamed too, and refusals."""

import base64
import io
import json

import aiohttp
import numpy as np
import pytest
import requests
import soundfile

LIMIT_S = 60
SPEECH = {"input": "Hello there.", "response_format": "pcm", "seed": 7, "max_new_tokens": 40}
SAID = "What I say in it."


def wav(samples: np.ndarray, rate_hz: int = 24_000) -> bytes:
    """A WAV file of 16-bit samples."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def hum(seconds: float, hertz: float = 220.0, rate_hz: int = 24_000) -> bytes:
    """A clip that is not silent."""
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return wav(0.3 * np.sin(2 * np.pi * hertz * at_s) * (1 + np.sin(6 * np.pi * at_s)) / 2, rate_hz)


CLIP = hum(1.5)
ENCODED = base64.b64encode(CLIP).decode()
CODES = np.random.default_rng(5).integers(0, 1024, (30, 8)).tolist()


def post(compat, **fields) -> requests.Response:
    """Ask for speech."""
    return requests.post(f"{compat.http_url}/v1/audio/speech", json={**SPEECH, **fields}, timeout=LIMIT_S)


def refusal(compat, **fields) -> dict[str, str]:
    """The error of a request that is refused with 400."""
    answer = post(compat, **fields)
    assert answer.status_code == 400, answer.status_code
    found: dict[str, str] = answer.json()["error"]
    return found


@pytest.fixture(scope="module")
def cloned(higgs_compat) -> bytes:
    """The samples of the clip's voice, as a data URI with its transcript."""
    answer = post(higgs_compat, ref_audio=f"data:audio/wav;base64,{ENCODED}", ref_text=SAID)
    assert (answer.status_code, answer.headers["X-Warnings"]) == (200, "[]")
    assert answer.headers["X-Model"] == "higgs-audio-v3-tts"
    return answer.content


def test_a_clip_and_its_transcript_change_what_is_heard(higgs_compat, cloned):
    others = [
        post(higgs_compat).content,
        post(higgs_compat, ref_audio=ENCODED).content,
        post(higgs_compat, ref_audio=base64.b64encode(hum(1.5, 330.0)).decode(), ref_text=SAID).content,
    ]
    assert all(others)
    assert len({cloned, *others}) == 4


@pytest.mark.parametrize("key", ["audio_path", "ref_audio", "audio", "data"])
def test_every_name_of_a_clip_is_the_same_voice(higgs_compat, cloned, key):
    assert post(higgs_compat, references=[{key: ENCODED, "text": SAID}]).content == cloned


def test_an_uploaded_clip_is_the_same_voice(higgs_compat, cloned):
    fields = {**{name: str(value) for name, value in SPEECH.items()}, "ref_text": SAID}
    files = {"ref_audio": ("me.wav", CLIP, "audio/wav")}
    url = f"{higgs_compat.http_url}/v1/audio/speech"
    assert requests.post(url, data=fields, files=files, timeout=LIMIT_S).content == cloned


def test_a_cloned_voice_streams_the_same_samples_raw_and_in_events(higgs_compat, cloned):
    reference = {"ref_audio": ENCODED, "ref_text": SAID}
    streamed = post(higgs_compat, stream=True, **reference)
    assert streamed.headers["Transfer-Encoding"] == "chunked"
    assert streamed.content == cloned
    lines = post(higgs_compat, stream_format="sse", **reference).text.splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == cloned
    assert (events[-1]["type"], events[-1]["finish_reason"]) == ("speech.audio.done", "length")
    assert events[-1]["usage"]["output_tokens"] == SPEECH["max_new_tokens"]


def test_a_batch_clones_the_same_voice(higgs_compat, cloned):
    body = {**SPEECH, "ref_audio": ENCODED, "ref_text": SAID}
    text = body.pop("input")
    url = f"{higgs_compat.http_url}/v1/audio/speech/batch"
    (result,) = requests.post(url, json={**body, "items": [{"input": text}]}, timeout=LIMIT_S).json()["results"]
    assert base64.b64decode(result["audio_data"]) == cloned


async def test_the_socket_clones_and_goes_on_in_that_voice(higgs_compat):
    config = {"type": "session.config", **SPEECH, "references": [{"data": ENCODED, "text": SAID}]}
    config.pop("input")
    spoken: list[bytes] = []
    address = f"{higgs_compat.http_url}/v1/audio/speech/stream"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
        await socket.send_json(config)
        for _ in range(2):
            await socket.send_json({"type": "input.text", "text": SPEECH["input"]})
            await socket.send_json({"type": "input.done"})
            spoken.append(b"")
            while (message := await socket.receive(LIMIT_S)).type is aiohttp.WSMsgType.BINARY or (
                json.loads(message.data)["type"] != "session.done"
            ):
                spoken[-1] += message.data if message.type is aiohttp.WSMsgType.BINARY else b""
    assert spoken[0]
    assert spoken[0] == spoken[1]


def test_codes_clone_at_the_top_and_in_an_entry(higgs_compat, cloned):
    spoken = post(higgs_compat, reference_codes=CODES, reference_text=SAID)
    assert spoken.status_code == 200
    assert spoken.content != cloned
    assert post(higgs_compat, references=[{"reference_codes": CODES, "text": SAID}]).content == spoken.content


def test_a_second_reference_is_not_heard_and_a_warning_says_so(higgs_compat, cloned):
    entries = [{"data": ENCODED, "text": SAID, "weight": 0.5}, {"data": base64.b64encode(hum(1.2, 330)).decode()}]
    answer = post(higgs_compat, references=entries)
    assert answer.content == cloned
    warnings = json.loads(answer.headers["X-Warnings"])
    assert {warning["param"] for warning in warnings} == {"references[0].weight", "references[1]"}


@pytest.mark.parametrize(
    ("clip", "code", "said"),
    [
        (b"not audio at all", "bad_audio", "of no kind that can be read"),
        (CLIP[:-1000], "bad_audio", "is truncated"),
        (hum(0.4), "invalid_field", "must be 1 to 100 s long, not 0.4"),
        (wav(np.zeros(36_000)), "bad_audio", "its first channel, which alone is heard, is 0 of"),
        (hum(101.0, rate_hz=8000), "audio_too_long", "must be at most 100 s long, not 101"),
    ],
    ids=["text", "cut", "short", "silent", "long"],
)
def test_a_clip_that_cannot_be_cloned_is_refused_by_the_name_it_came_under(higgs_compat, clip, code, said):
    encoded = base64.b64encode(clip).decode()
    for name, fields in (
        ("ref_audio", {"ref_audio": encoded}),
        ("references[0].data", {"references": [{"data": encoded}]}),
    ):
        error = refusal(higgs_compat, **fields)
        assert (error["param"], error["code"]) == (name, code), error
        assert error["message"].startswith(name)
        assert said in error["message"]


@pytest.mark.parametrize(
    ("codes", "said"),
    [([[1] * 40] * 8, "this is [8, 40]: transpose it"), ([[1] * 7 + [1024]], "reference_codes[0][7] must be")],
    ids=["turned", "1024"],
)
def test_codes_that_cannot_be_are_refused_by_name(higgs_compat, codes, said):
    error = refusal(higgs_compat, reference_codes=codes)
    assert error["param"] == "reference_codes"
    assert said in error["message"]


def test_options_of_the_model_are_heard_and_others_refused(higgs_compat):
    assert post(higgs_compat, options={"guard": False}).status_code == 200
    for options, param in (({"gard": False}, "options"), ({"guard": "off"}, "options.guard")):
        error = refusal(higgs_compat, options=options)
        assert error["param"] == param
        assert "guard" in error["message"]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_reference_and_a_length_that_do_not_fit_together_are_refused_with_the_numbers(higgs_compat, is_streamed):
    rows = {"reference_codes": CODES * 80, "max_new_tokens": 8192, "options": {"guard": False}}
    error = refusal(higgs_compat, stream=is_streamed, **rows)
    assert error["code"] == "context_overflow"
    assert "8192" in error["message"]


def test_the_sampling_of_a_request_is_the_models(higgs_compat, cloned):
    reference = {"ref_audio": ENCODED, "ref_text": SAID}
    likeliest = [
        post(higgs_compat, **reference, **how).content for how in ({"temperature": 0}, {"top_k": 1, "seed": 9})
    ]
    assert likeliest[0] == likeliest[1] != cloned
    few = post(higgs_compat, **{**reference, "max_new_tokens": 20})
    assert len(few.content) == (20 - 7) * 960 * 2
    early = post(higgs_compat, initial_codec_chunk_frames=1, **reference)
    assert early.headers["X-Warnings"] == "[]"
    # The codec's windows are others, and so is the last bit of some samples.
    told = [np.frombuffer(pcm, "<i2").astype(int) for pcm in (early.content, cloned)]
    assert np.abs(told[0] - told[1]).max() <= 1
