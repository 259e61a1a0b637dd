"""``POST /v1/audio/speech`` as a form: every value is text, and the clip may be a file."""

import base64
import io

import aiohttp
import pytest
from compat_peer import compat

ROUTE = "/v1/audio/speech"
CLIP = b"RIFFclip"


def form(**fields: object) -> aiohttp.FormData:
    """A form; bytes become a file, a list a field given several times."""
    found = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, bytes):
                found.add_field(name, io.BytesIO(each), filename="clip.wav", content_type="audio/wav")
            else:
                found.add_field(name, each)
    return found


async def test_every_field_is_said_in_the_contracts_words():
    fields = {
        "input": "Hello.",
        "model": "tts-1",
        "voice": '{"id": "nora"}',
        "instructions": "softly",
        "response_format": "pcm",
        "speed": "1.5",
        "sample_rate": "16000",
        "language": "en",
        "temperature": "0.8",
        "top_p": "0.9",
        "top_k": "50",
        "seed": "9223372036854775807",
        "max_new_tokens": "1024",
        "initial_codec_chunk_frames": "0",
        "stream": "True",
        "extra_body": '{"instructions": "loudly"}',
    }
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, data=form(**fields))
        assert (answer.status, answer.headers["Transfer-Encoding"]) == (200, "chunked")
        request = peer.requests[0]
        config, sampling = request.config, request.config.sampling
        assert (request.text, config.model, config.voice, config.language) == ("Hello.", "tts-1", "nora", "en")
        assert (config.instructions, config.speed, config.format.sample_rate_hz) == ("loudly", 1.5, 16000)
        assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.8, 0.9, 50)
        assert (sampling.seed, sampling.max_new_tokens) == (2**63 - 1, 1024)
        assert config.HasField("initial_codec_chunk_frames")


async def test_clip_may_be_a_file_or_text():
    encoded = base64.b64encode(CLIP).decode()
    for given in (CLIP, encoded, f"data:audio/wav;base64,{encoded}"):
        async with compat() as (peer, http):
            answer = await http.post(ROUTE, data=form(ref_audio=given, ref_text="hi", input="a"))
            assert answer.status == 200
            reference = peer.requests[0].config.references[0]
            assert (reference.audio, reference.transcript) == (CLIP, "hi")


async def test_references_and_codes_are_json_inside_the_form():
    encoded = base64.b64encode(CLIP).decode()
    async with compat() as (peer, http):
        await http.post(ROUTE, data=form(input="a", references=f'[{{"audio": "{encoded}"}}]'))
        assert peer.requests[0].config.references[0].audio == CLIP
        await http.post(ROUTE, data=form(input="a", reference_codes="[[0, 1, 2, 3, 4, 5, 6, 7]]"))
        assert list(peer.requests[1].config.references[0].codes.codes) == list(range(8))


async def test_text_may_be_uploaded_as_a_file_and_empty_fields_are_not_given():
    async with compat() as (peer, http):
        body = form(input="Grüße".encode(), voice="", seed="", stream="", response_format="")
        assert (await http.post(ROUTE, data=body)).status == 200
        assert peer.requests[0].text == "Grüße"
        assert not peer.requests[0].config.sampling.HasField("seed")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"voice": "nora"}, "input"),
        ({"input": ""}, "input"),
        ({"input": "a" * 5001}, "input"),
        ({"input": ["a", "b"]}, "input"),
        ({"input": b"\xff\xfe"}, "input"),
        ({"input": "a", "speed": "fast"}, "speed"),
        ({"input": "a", "speed": "1,5"}, "speed"),
        ({"input": "a", "speed": "0x1"}, "speed"),
        ({"input": "a", "speed": "1_0"}, "speed"),
        ({"input": "a", "speed": "nan"}, "speed"),
        ({"input": "a", "speed": "1e999"}, "speed"),
        ({"input": "a", "speed": "true"}, "speed"),
        ({"input": "a", "speed": "٢"}, "speed"),
        ({"input": "a", "speed": "9"}, "speed"),
        ({"input": "a", "top_k": "1.5"}, "top_k"),
        ({"input": "a", "seed": "-1"}, "seed"),
        ({"input": "a", "stream": "yes"}, "stream"),
        ({"input": "a", "stream_format": "events"}, "stream_format"),
        ({"input": "a", "voice": "{"}, "voice"),
        ({"input": "a", "voice": "{}"}, "voice"),
        ({"input": "a", "references": "nope"}, "references"),
        ({"input": "a", "reference_codes": "[[1, 2]]"}, "reference_codes"),
        ({"input": "a", "extra_body": "[]"}, "extra_body"),
        ({"input": "a", "ref_audio": "https://example.com/a.wav"}, "ref_audio"),
        ({"input": "a", "ref_audio": "/etc/passwd"}, "ref_audio"),
        ({"input": "a", "ref_audio": b""}, "ref_audio"),
        ({"input": "a", "ref_audio": [CLIP, CLIP]}, "ref_audio"),
        ({"input": "a", "ref_audio": [CLIP, "UklGRg=="]}, "ref_audio"),
        ({"input": "a", "ref_audio": CLIP, "voice": "nora"}, "voice"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_bad_field_is_a_400_that_names_it(fields, param):
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, data=form(**fields))
        error = (await answer.json())["error"]
        assert (answer.status, error["type"], error["param"]) == (400, "invalid_request_error", param), error
        assert peer.num_calls == 0


@pytest.mark.parametrize("is_clip", [True, False])
async def test_clip_and_fields_have_limits(is_clip):
    fields = {"ref_audio": bytes(10 * 1024 * 1024 + 1)} if is_clip else {"made_up": ["a" * 600_000] * 2}
    async with compat(max_json_mb=16 if is_clip else 1) as (peer, http):
        answer = await http.post(ROUTE, data=form(input="a", **fields))
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "body_too_large")
        assert peer.num_calls == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--y\r\n\r\n--y--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="input"\r\n\r\nHel',
        b'--x\r\nContent-Disposition: form-data; name="input"\r\n\r\nHello\r\n--x\r\nbroken header\r\n\r\n--x--\r\n',
    ],
    ids=repr,
)
async def test_malformed_form_is_a_400(body):
    async with compat() as (peer, http):
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = await http.post(ROUTE, data=body, headers=kind)
        assert (answer.status, (await answer.json())["error"]["type"]) == (400, "invalid_request_error")
        assert peer.num_calls == 0
