"""References of ``POST /v1/audio/speech``: each way to write one, its errors, and its names in the server's answers."""

import base64
import io
import json

import aiohttp
import pytest
from compat_peer import Refusal, compat, speech_done, speech_started
from speech_socket import DONE, receive, receive_until, socket, text

from antiphon.speech.v1 import report_pb2

ROUTE = "/v1/audio/speech"
CLIP = b"RIFFclip"
ENCODED = base64.b64encode(CLIP).decode()
URI = f"data:audio/wav;base64,{ENCODED}"
CODES = [[frame * 8 + codebook for codebook in range(8)] for frame in range(4)]
CLIP_FORMS = [{"audio_path": URI}, {"ref_audio": URI}, {"audio": ENCODED}, {"data": ENCODED, "media_type": "audio/wav"}]
SOURCES = {
    "ref_audio": ({"ref_audio": ENCODED, "ref_text": "hi"}, "ref_audio", "ref_text"),
    "codes": ({"reference_codes": CODES, "reference_text": "hi"}, "reference_codes", "reference_text"),
    "data": ({"references": [{"data": ENCODED, "text": "hi"}]}, "references[0].data", "references[0].text"),
    "entry of codes": (
        {"references": [{"reference_codes": CODES, "text": "hi"}]},
        "references[0].reference_codes",
        "references[0].text",
    ),
}
every_source = pytest.mark.parametrize("source", SOURCES)


def warnings_of(answer: aiohttp.ClientResponse) -> list[dict[str, str]]:
    """What was reported: code, param and message."""
    found: list[dict[str, str]] = json.loads(answer.headers["X-Warnings"])
    return found


async def refused(body: dict[str, object]) -> dict[str, str]:
    """The error of a request that never reaches the server."""
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, json={"input": "a", **body})
        assert (answer.status, peer.num_calls) == (400, 0)
        error: dict[str, str] = (await answer.json())["error"]
        return error


@pytest.mark.parametrize("entry", CLIP_FORMS, ids=lambda entry: next(iter(entry)))
async def test_an_entry_holds_its_clip_by_any_of_its_names(entry):
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, json={"input": "a", "references": [{**entry, "text": "hi"}]})
        assert (answer.status, warnings_of(answer)) == (200, [])
        (reference,) = peer.requests[0].config.references
        assert (reference.audio, reference.transcript) == (CLIP, "hi")


@pytest.mark.parametrize("place", ["reference_codes", "references"])
async def test_codes_go_frame_after_frame_at_the_top_or_in_an_entry(place):
    body = {"reference_codes": CODES, "reference_text": "hi"}
    if place == "references":
        body = {"references": [{"reference_codes": CODES, "text": "hi"}]}
    async with compat() as (peer, http):
        assert (await http.post(ROUTE, json={"input": "a", **body})).status == 200
        (reference,) = peer.requests[0].config.references
        assert (list(reference.codes.codes), reference.codes.num_codebooks) == (list(range(32)), 8)
        assert reference.transcript == "hi"


async def test_parts_of_an_entry_without_effect_are_warnings():
    entries = [{"audio": ENCODED, "weight": 0.7, "ref_text": "lost"}, {"audio": ENCODED, "made_up": 1}]
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, json={"input": "a", "references": entries})
        weight, text_name = warnings_of(answer)
        assert (weight["code"], weight["param"]) == ("field_ignored", "references[0].weight")
        assert "not mixed" in weight["message"]
        assert text_name["param"] == "references[0].ref_text"
        assert "did you mean text?" in text_name["message"]
        assert len(peer.requests[0].config.references) == 2


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ("abc", "must be [T, 8], an array of rows, not a string"),
        ([], "must have 1 to 2500 rows of 40 ms, not 0"),
        ([[0] * 8] * 2501, "must have 1 to 2500 rows of 40 ms, not 2501"),
        ([[1] * 120] * 8, "must be [T, 8], a row of 8 codes for each frame; this is [8, 120]: transpose it"),
        ([[1] * 3] * 8, "this is [8, 3]: transpose it"),
        ([1, 2, 3], "[0] must be an array of 8 codes, not a number; the shape is [T, 8]"),
        ([[1] * 8, [1] * 7], "[1] must have 8 codes, not 7; the shape is [T, 8]"),
        ([[1] * 9] * 3, "[0] must have 8 codes, not 9"),
        ([[1] * 8, [1, 1, 1024, 1, 1, 1, 1, 1]], "[1][2] must be a whole number from 0 to 1023, not 1024: 1024 and"),
        ([[1] * 7 + [-1]], "[0][7] must be a whole number from 0 to 1023, not -1"),
        ([[1] * 7 + [0.5]], "[0][7] must be a whole number from 0 to 1023, not 0.5"),
        ([[1] * 7 + [10**400]], "not a number that large"),
        ([[1] * 7 + ["9"]], "[0][7] must be a whole number from 0 to 1023, not a string"),
        ([[1] * 7 + [True]], "[0][7] must be a whole number from 0 to 1023, not a boolean"),
        ([[1] * 7 + [None]], "[0][7] must be a whole number from 0 to 1023, not null"),
        ([[[1]] * 8], "[0][0] must be a whole number from 0 to 1023, not an array"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_wrong_codes_are_named_by_their_place_and_what_was_seen(codes, said):
    error = await refused({"reference_codes": codes})
    assert error["param"] == "reference_codes"
    assert error["message"].startswith("reference_codes")
    assert said in error["message"]
    nested = await refused({"references": [{"audio": ENCODED}, {"reference_codes": codes}]})
    assert nested["param"] == "references[1].reference_codes"
    assert nested["message"] == error["message"].replace("reference_codes", "references[1].reference_codes")


@pytest.mark.parametrize(
    ("entry", "param"),
    [
        ({"text": "hi"}, "references[0].audio_path"),
        ({"audio": ENCODED, "data": ENCODED}, "references[0].data"),
        ({"audio_path": ENCODED, "reference_codes": CODES}, "references[0].reference_codes"),
        ({"data": "nothing encoded"}, "references[0].data"),
        ({"ref_audio": "https://a/b.wav"}, "references[0].ref_audio"),
        ({"audio": ENCODED, "weight": "heavy"}, "references[0].weight"),
        ({"audio": ENCODED, "media_type": 7}, "references[0].media_type"),
        ({"audio": ENCODED, "text": "t" * 5001}, "references[0].text"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_wrong_entry_is_named_by_its_place(entry, param):
    error = await refused({"references": [entry]})
    assert error["param"] == param
    assert param.removesuffix(".audio_path") in error["message"]


async def test_a_clip_over_ten_mebibytes_is_too_large_wherever_it_stands():
    large = base64.b64encode(bytes(10 * 1024 * 1024 + 1)).decode()
    async with compat() as (peer, http):
        for body, param in (
            ({"ref_audio": large}, "ref_audio"),
            ({"references": [{"data": large}]}, "references[0].data"),
        ):
            raw = io.BytesIO(json.dumps({"input": "a", **body}).encode())
            answer = await http.post(ROUTE, data=raw, headers={"Content-Type": "application/json"})
            error = (await answer.json())["error"]
            assert (answer.status, error["code"], error["param"]) == (413, "body_too_large", param)
            assert "10 MiB" in error["message"]
        assert peer.num_calls == 0


@every_source
@pytest.mark.parametrize("part", ["audio", "codes", "transcript", "", "codes.codes[3]"])
async def test_what_the_server_says_of_a_reference_names_the_field_of_the_caller(source, part):
    body, clip, transcript = SOURCES[source]
    path = f"config.references[0].{part}" if part else "config.references[0]"

    async def speak(request):
        raise Refusal("INVALID_FIELD", f"{path} is too short: 0.4 s", field=path)
        yield

    async with compat() as (peer, http):
        peer.speak = speak
        error = (await (await http.post(ROUTE, json={"input": "a", **body})).json())["error"]
        whole = "references[0]" if "references" in body else clip
        name = transcript if part == "transcript" else clip if part else whole
        assert (error["param"], error["message"]) == (name, f"{name} is too short: 0.4 s")


async def test_a_second_entry_keeps_its_number_in_errors_and_warnings():
    path = "config.references[1]"
    warning = report_pb2.CallWarning(
        code=report_pb2.WARNING_CODE_FIELD_IGNORED, field=path, message=f"{path} is not heard"
    )

    async def speak(request):
        yield speech_started(warnings=[warning])
        yield speech_done()

    entries = [{"data": ENCODED}, {"audio": ENCODED}]
    async with compat() as (peer, http):
        peer.speak = speak
        answer = await http.post(ROUTE, json={"input": "a", "references": entries})
        (shown,) = warnings_of(answer)
        assert (shown["param"], shown["message"]) == ("references[1]", "references[1] is not heard")


async def test_a_form_has_clips_codes_and_entries():
    forms = {
        "ref_audio": (io.BytesIO(CLIP), CLIP),
        "references": (json.dumps([{"data": ENCODED}]), CLIP),
        "reference_codes": (json.dumps(CODES), b""),
    }
    async with compat() as (peer, http):
        for name, (value, audio) in forms.items():
            form = aiohttp.FormData(default_to_multipart=True)
            form.add_field("input", "a")
            form.add_field(name, value)
            assert (await http.post(ROUTE, data=form)).status == 200
            assert peer.requests[-1].config.references[0].audio == audio


async def test_a_batch_clones_for_every_item_or_for_one():
    async with compat() as (peer, http):
        items = [{"input": "a"}, {"input": "b", "ref_text": "other"}]
        body = {"ref_audio": ENCODED, "ref_text": "hi", "items": items}
        results = (await (await http.post(f"{ROUTE}/batch", json=body)).json())["results"]
        assert [result["status"] for result in results] == ["success"] * 2
        said = {request.text: request.config.references[0].transcript for request in peer.requests}
        assert said == {"a": "hi", "b": "other"}
        bad = {"items": [{"input": "a", "reference_codes": [[1] * 9]}, {"input": "b"}]}
        results = (await (await http.post(f"{ROUTE}/batch", json=bad)).json())["results"]
        assert [result["status"] for result in results] == ["error", "success"]
        assert results[0]["error"]["param"] == "reference_codes"


async def test_libraries_that_must_name_a_voice_learn_which_one_goes_with_a_clip():
    async with compat() as (peer, http):
        refused = await http.post(ROUTE, json={"input": "a", "voice": "alloy", "ref_audio": URI})
        assert (refused.status, (await refused.json())["error"]["message"].rpartition("name the voice ")[2]) == (
            400,
            "default.",
        )
        assert (await http.post(ROUTE, json={"input": "a", "voice": "default", "ref_audio": URI})).status == 200
        assert len(peer.requests[0].config.references) == 1


async def test_an_item_of_a_batch_with_its_own_voice_takes_no_part_of_the_defaults_one():
    items = [
        {"input": "a", "ref_audio": URI},
        {"input": "b", "reference_codes": CODES},
        {"input": "c", "voice": "nora"},
    ]
    body = {"ref_audio": base64.b64encode(b"RIFFother").decode(), "ref_text": "of the other", "items": items}
    async with compat() as (peer, http):
        assert (await (await http.post(f"{ROUTE}/batch", json=body)).json())["succeeded"] == 3
        configs = {request.text: request.config for request in peer.requests}
        assert (configs["a"].references[0].audio, configs["a"].references[0].transcript) == (CLIP, "")
        assert configs["b"].references[0].HasField("codes")
        assert (configs["c"].voice, len(configs["c"].references)) == ("nora", 0)


async def test_a_socket_clones_and_takes_a_clip_of_megabytes():
    clip = bytes(range(256)) * 8192
    config = {"type": "session.config", "references": [{"data": base64.b64encode(clip).decode(), "text": "hi"}]}
    async with socket(config, text("Hi."), DONE) as (peer, ws):
        configured, *_ = await receive_until(ws, "session.done")
        assert configured["voice"] == "", "a cloned voice has no name"
        (reference,) = peer.requests[0].config.references
        assert (reference.audio, reference.transcript) == (clip, "hi")


async def test_a_socket_names_the_field_of_a_refused_reference():
    async def recite(requests):
        raise Refusal("BAD_AUDIO", "config.references[0].audio is silent", field="config.references[0].audio")
        yield

    config = {"type": "session.config", "references": [{"ref_audio": ENCODED}]}
    async with socket() as (peer, ws):
        peer.recite = recite
        await ws.send_json(config)
        error = (await receive(ws))["error"]
        assert (error["param"], error["code"]) == ("references[0].ref_audio", "bad_audio")
        assert error["message"] == "references[0].ref_audio is silent"
