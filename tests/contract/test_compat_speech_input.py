"""Bad and unusual bodies of ``POST /v1/audio/speech``: refused before any RPC, or said in the contract's words."""

import base64
import io
import json

import pytest
from compat_peer import Refusal, compat

ROUTE = "/v1/audio/speech"
CLIP = base64.b64encode(b"RIFFclip").decode()
REFUSED_FIELDS = [
    ({}, "input"),
    ({"input": None}, "input"),
    ({"input": ""}, "input"),
    ({"input": " \n\t"}, "input"),
    ({"input": "a" * 5001}, "input"),
    ({"input": 7}, "input"),
    ({"input": True}, "input"),
    ({"input": ["a"]}, "input"),
    ({"input": "a", "voice": 7}, "voice"),
    ({"input": "a", "voice": {}}, "voice"),
    ({"input": "a", "voice": {"id": 1}}, "voice"),
    ({"input": "a", "voice": "v" * 257}, "voice"),
    ({"input": "a", "model": 1}, "model"),
    ({"input": "a", "speed": 0.2}, "speed"),
    ({"input": "a", "speed": 4.01}, "speed"),
    ({"input": "a", "speed": "1"}, "speed"),
    ({"input": "a", "speed": True}, "speed"),
    ({"input": "a", "temperature": -0.1}, "temperature"),
    ({"input": "a", "temperature": 2.1}, "temperature"),
    ({"input": "a", "temperature": False}, "temperature"),
    ({"input": "a", "top_p": 0}, "top_p"),
    ({"input": "a", "top_p": 1.5}, "top_p"),
    ({"input": "a", "top_k": 0}, "top_k"),
    ({"input": "a", "top_k": 1.5}, "top_k"),
    ({"input": "a", "top_k": True}, "top_k"),
    ({"input": "a", "seed": -1}, "seed"),
    ({"input": "a", "seed": 2**63}, "seed"),
    ({"input": "a", "seed": 10**400}, "seed"),
    ({"input": "a", "temperature": 10**400}, "temperature"),
    ({"input": "a", "max_new_tokens": 0}, "max_new_tokens"),
    ({"input": "a", "max_new_tokens": 8193}, "max_new_tokens"),
    ({"input": "a", "response_format": "ogg"}, "response_format"),
    ({"input": "a", "response_format": 1}, "response_format"),
    ({"input": "a", "stream": "true"}, "stream"),
    ({"input": "a", "stream": 1}, "stream"),
    ({"input": "a", "stream_format": "x"}, "stream_format"),
    ({"input": "a", "instructions": "i" * 4097}, "instructions"),
    ({"input": "a", "initial_codec_chunk_frames": -1}, "initial_codec_chunk_frames"),
    ({"input": "a", "extra_body": 1}, "extra_body"),
    ({"input": "a", "ref_audio": 1}, "ref_audio"),
    ({"input": "a", "ref_audio": "/etc/passwd"}, "ref_audio"),
    ({"input": "a", "ref_audio": "file:///etc/passwd"}, "ref_audio"),
    ({"input": "a", "ref_audio": "http://127.0.0.1:1/a.wav"}, "ref_audio"),
    ({"input": "a", "ref_audio": CLIP, "ref_text": "t" * 5001}, "ref_text"),
    ({"input": "a", "ref_audio": CLIP, "references": [{"audio": CLIP}]}, "references"),
    ({"input": "a", "references": [{"audio": CLIP}], "reference_codes": [[1] * 8]}, "reference_codes"),
    ({"input": "a", "references": [{"text": "hi"}]}, "references[0].audio_path"),
    ({"input": "a", "references": [{"audio": "HTTPS://example.com/a.wav"}]}, "references[0].audio"),
    ({"input": "a", "references": [{"audio": CLIP, "text": 1}]}, "references[0].text"),
    ({"input": "a", "references": [{"audio": CLIP}] * 9}, "references"),
    ({"input": "a", "sample_rate": 7999}, "sample_rate"),
    ({"input": "a", "tn": 1}, "tn"),
    ({"input": "a", "tn_language": 1}, "tn_language"),
    ({"input": "a", "word_timestamps": True}, "word_timestamps"),
    ({"input": "a", "timestamp_granularities": ["word"]}, "timestamp_granularities"),
    ({"input": "a", "ref_audio": "data:audio/wav;base64,"}, "ref_audio"),
    ({"input": "a", "ref_audio": CLIP, "voice": "alloy"}, "voice"),
    ({"input": "a", "ref_text": "a" * 5001}, "ref_text"),
    ({"input": "a", "reference_text": 1}, "reference_text"),
    ({"input": "a", "references": {}}, "references"),
    ({"input": "a", "references": [1]}, "references[0]"),
    ({"input": "a", "references": [{"audio_path": "../../secret.wav"}]}, "references[0].audio_path"),
    ({"input": "a", "reference_codes": [[1, 2]]}, "reference_codes"),
    ({"input": "a", "reference_codes": [[1024] * 8]}, "reference_codes"),
    ({"input": "a", "reference_codes": [[True] * 8]}, "reference_codes"),
]
REFUSED_BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"7",
    b"[" * 100_000,
    b'{"input": "a", "speed": NaN}',
    b'{"input": "a", "speed": Infinity}',
    b'{"input": "a", "speed": -Infinity}',
    b'{"input": "a", "speed": 1e400}',
    b'{"input": "a", "seed": ' + b"9" * 5000 + b"}",
    b'{"input": "\\ud800"}',
    b'{"input": "a", "voice": "\\udfff"}',
    b'{"input": "\xff\xfe"}',
    '{"input": "a"}'.encode("utf-16"),
]


async def test_a_seed_that_is_one_too_large_is_told_from_the_limit():
    async with compat() as (_, http):
        answer = await http.post(ROUTE, json={"input": "a", "seed": 2**63})
        message = "seed must be a whole number from 0 to 9223372036854775807, not 9223372036854775808."
        assert (await answer.json())["error"]["message"] == message


@pytest.mark.parametrize(("body", "param"), REFUSED_FIELDS, ids=lambda value: str(value)[:40])
async def test_bad_field_is_a_400_that_names_it(body, param):
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, json=body)
        error = (await answer.json())["error"]
        assert (answer.status, error["type"], error["param"]) == (400, "invalid_request_error", param), error
        assert list(error) == ["message", "type", "param", "code"]
        assert peer.num_calls == 0


@pytest.mark.parametrize("body", REFUSED_BODIES, ids=lambda value: str(value)[:40])
async def test_body_that_is_no_json_object_is_a_400(body):
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, data=body, headers={"Content-Type": "application/json"})
        error = (await answer.json())["error"]
        assert (answer.status, error["type"]) == (400, "invalid_request_error")
        assert "sys." not in error["message"], "nobody needs to know what parses it"
        assert peer.num_calls == 0


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ("application/vnd.api+json", 200),
        ("application/json; charset=latin-1", 400),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 400),
        ("application/x-www-form-urlencoded", 415),
        ("gibberish", 415),
    ],
)
async def test_only_json_in_utf8_and_forms_are_read(content_type, status):
    async with compat() as (_, http):
        answer = await http.post(ROUTE, data=b'{"input": "a"}', headers={"Content-Type": content_type})
        assert answer.status == status
        if status != 200:
            assert list((await answer.json())["error"]) == ["message", "type", "param", "code"]


async def test_body_over_the_limit_is_413_whether_announced_or_not():
    async def pieces():
        for _ in range(20):
            yield b" " * 64 * 1024

    async with compat(max_json_mb=1) as (peer, http):
        announced = await http.post(
            ROUTE, data=io.BytesIO(b" " * (1024 * 1024 + 1)), headers={"Content-Type": "application/json"}
        )
        chunked = await http.post(ROUTE, data=pieces(), headers={"Content-Type": "application/json"})
        for answer in (announced, chunked):
            error = (await answer.json())["error"]
            assert (answer.status, error["code"]) == (413, "body_too_large")
            assert "1 MiB" in error["message"]
        assert peer.num_calls == 0


async def test_unknown_fields_are_ignored_and_extra_body_is_merged():
    async with compat() as (peer, http):
        body = {"input": "a", "made_up": 1, "voice": {"id": "nora"}, "extra_body": {"temperature": 0.5, "top_k": 50.0}}
        answer = await http.post(ROUTE, json=body)
        assert (answer.status, answer.headers["X-Warnings"]) == (200, "[]")
        config = peer.requests[0].config
        assert (config.voice, config.sampling.temperature, config.sampling.top_k) == ("nora", 0.5, 50)
        assert not config.sampling.HasField("seed")
        assert not config.HasField("speed")


async def test_largest_input_and_null_fields_are_accepted():
    async with compat() as (peer, http):
        body = {"input": "ß" * 5000, "voice": None, "speed": None, "model": None, "stream": None}
        assert (await http.post(ROUTE, json=body)).status == 200
        assert len(peer.requests[0].text) == 5000


async def test_references_are_left_to_the_server_to_take_or_refuse():
    async with compat() as (peer, http):
        clip = {"input": "a", "ref_audio": "data:audio/wav;base64," + CLIP, "ref_text": "hi", "voice": "default"}
        assert (await http.post(ROUTE, json=clip)).status == 200
        assert peer.requests[0].config.references[0].audio == b"RIFFclip"
        assert peer.requests[0].config.references[0].transcript == "hi"
        listed = {"input": "a", "references": [{"audio_path": CLIP, "text": "t"}, {"audio": CLIP}], "voice": "alloy"}
        answer = await http.post(ROUTE, json=listed)
        assert [clip.audio for clip in peer.requests[1].config.references] == [b"RIFFclip"] * 2
        assert peer.requests[1].config.references[0].transcript == "t"
        assert peer.requests[1].config.voice == ""
        assert "field_ignored" in answer.headers["X-Warnings"]
        codes = {"input": "a", "reference_codes": [[0, 1, 2, 3, 4, 5, 6, 1023]], "reference_text": "hi"}
        assert (await http.post(ROUTE, json=codes)).status == 200
        assert peer.requests[2].config.references[0].codes.num_codebooks == 8


@pytest.mark.parametrize("address", ["http://a/b.wav", "https://a/b.wav", "file:///etc/hosts", "ftp://a", "s3://a/b"])
async def test_addresses_are_refused_by_name_and_never_fetched(address):
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, json={"input": "a", "ref_audio": address})
        error = (await answer.json())["error"]
        assert (answer.status, error["code"], error["param"]) == (400, "unsupported_feature", "ref_audio")
        assert "fetches no addresses" in error["message"]
        assert peer.num_calls == 0


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"tn": True, "tn_language": "en"}, "tn", "has no effect"),
        ({"ref_text": "hi"}, "ref_text", "without ref_audio"),
        ({"reference_text": "hi"}, "reference_text", "without reference_codes"),
        ({"voise": "nora"}, "voise", "did you mean voice?"),
        ({"responseFormat": "wav"}, "responseFormat", "did you mean response_format?"),
        ({"max_tokens": 9}, "max_tokens", "did you mean max_new_tokens?"),
        ({"lang_code": "en"}, "lang_code", "of another server"),
        ({"format": "wav"}, "format", "did you mean response_format?"),
        ({"text": "b"}, "text", "did you mean input?"),
    ],
)
async def test_fields_without_effect_are_warnings(fields, param, said):
    async with compat() as (_, http):
        answer = await http.post(ROUTE, json={"input": "a", **fields})
        warning = json.loads(answer.headers["X-Warnings"])[0]
        assert (warning["code"], warning["param"]) == ("field_ignored", param)
        assert said in warning["message"]


@pytest.mark.parametrize("path", ["docs/audio/male-voice.wav", "/etc/passwd", r"C:\voices\adam.wav"])
async def test_paths_are_refused_by_name_and_never_opened(path):
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, json={"input": "a", "references": [{"audio_path": path, "text": "Hey."}]})
        error = (await answer.json())["error"]
        assert (answer.status, error["param"]) == (400, "references[0].audio_path")
        assert "no path of this machine is opened" in error["message"]
        assert peer.num_calls == 0


@pytest.mark.parametrize(
    "clip",
    [{"ref_audio": CLIP}, {"references": [{"audio": CLIP}]}, {"reference_codes": [[1] * 8]}],
    ids=lambda clip: next(iter(clip)),
)
async def test_refused_reference_is_named_as_the_caller_wrote_it(clip):
    async def speak(request):
        message = "config.references: mouth cannot clone voices"
        raise Refusal("UNSUPPORTED_FEATURE", message, field="config.references")
        yield

    async with compat() as (peer, http):
        peer.speak = speak
        error = (await (await http.post(ROUTE, json={"input": "a", **clip})).json())["error"]
        name = next(iter(clip))
        assert (error["param"], error["message"]) == (name, f"{name}: mouth cannot clone voices")


async def test_sample_rate_goes_to_the_server():
    async with compat() as (peer, http):
        assert (await http.post(ROUTE, json={"input": "a", "sample_rate": 8000})).status == 200
        assert peer.requests[0].config.format.sample_rate_hz == 8000


async def test_strict_models_refuse_an_alias_and_take_an_id():
    async with compat(strict_models=True) as (_, http):
        assert (await http.post(ROUTE, json={"input": "a", "model": "mouth"})).status == 200
        for name in ("tts-1", "nobody"):
            answer = await http.post(ROUTE, json={"input": "a", "model": name})
            error = (await answer.json())["error"]
            assert (answer.status, error["code"], error["param"]) == (404, "model_not_found", "model")
