"""What callers of other services expect of a speech model, and what a tiny Higgs makes of it: pace, and known names."""

import json

import pytest
import requests

from antiphon.speech.v1 import report_pb2
from support.calls import calls_to

SAMPLING = {"seed": 7, "max_new_tokens": 60}
BODY = {"input": "Hello there.", "response_format": "pcm", **SAMPLING}


def post(compat, **fields) -> requests.Response:
    answer = requests.post(f"{compat.http_url}/v1/audio/speech", json={**BODY, **fields}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.fixture(scope="module")
def natural(higgs_compat) -> bytes:
    return post(higgs_compat).content


@pytest.mark.parametrize("speed", [0.25, 0.8, 1.0, 1.5, 4.0])
async def test_a_pace_changes_the_length_alike_over_grpc_and_http_whole_and_streamed(
    higgs, higgs_compat, natural, speed
):
    answers = [post(higgs_compat, speed=speed, stream=is_streamed) for is_streamed in (False, True)]
    assert answers[0].content == answers[1].content
    assert len(answers[0].content) // 2 == round(len(natural) // 2 / speed)
    assert [answer.headers["X-Warnings"] for answer in answers] == ["[]", "[]"]
    assert (answers[0].content == natural) == (speed == 1.0)
    async with calls_to(higgs) as stubs:
        assert await stubs.pcm("Hello there.", 24_000, sampling=SAMPLING, speed=speed) == answers[0].content


async def test_a_pitch_keeps_the_length(higgs, natural):
    async with calls_to(higgs) as stubs:
        higher = await stubs.pcm("Hello there.", 24_000, sampling=SAMPLING, pitch_semitones=5)
        responses = await stubs.speak_once("Hello there.", sampling=SAMPLING, pitch_semitones=5)
    assert higher != natural
    assert len(higher) == pytest.approx(len(natural), abs=8)
    assert not responses[0].started.warnings
    assert responses[0].started.config.pitch_semitones == 5


@pytest.mark.parametrize("voice", ["alloy", "Linda", "ono_anna"])
def test_a_voice_of_another_service_is_the_models_own_and_the_caller_is_told(higgs_compat, natural, voice):
    answer = post(higgs_compat, voice=voice)
    assert answer.content == natural
    (warning,) = json.loads(answer.headers["X-Warnings"])
    assert (warning["code"], warning["param"]) == ("substituted", "voice")
    assert all(word in warning["message"] for word in (repr(voice), "default", "own choice"))


async def test_no_voice_and_the_default_are_nobodys_place(higgs):
    async with calls_to(higgs) as stubs:
        for voice in ("", "default"):
            responses = await stubs.speak_once("Hello.", voice=voice, sampling=SAMPLING)
            assert not responses[0].started.warnings
        responses = await stubs.speak_once("Hello.", speakers=[{"speaker": 1, "voice": "nova"}], sampling=SAMPLING)
    (warning,) = responses[0].started.warnings
    assert warning.code == report_pb2.WARNING_CODE_SUBSTITUTED
    assert warning.field == "config.speakers[0].voice"
