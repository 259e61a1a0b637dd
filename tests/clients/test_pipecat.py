"""Pipecat's OpenAI services, unchanged but for their address: every voice speaks, and speech is understood."""

import pytest
from installed import run_framework

from support.servers import Compat
from support.speech import word_error_rate

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]

TEXT = "Please water the plants on the balcony tomorrow."
VOICES = {
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
}


@pytest.fixture(scope="module")
def found(compat: Compat):
    return run_framework("pipecat_services.py", f"{compat.http_url}/v1", TEXT)


def test_it_speaks(found):
    assert found["spoken"]["shapes"] == [[24_000, 1]]
    assert found["spoken"]["errors"] == []
    assert 1.5 < found["spoken"]["duration_s"] < 6.0


def test_every_voice_it_knows_speaks(found):
    assert set(found["voices"]) == VOICES
    for said in found["voices"].values():
        assert said["errors"] == []
        assert said["shapes"] == [[24_000, 1]]
        assert said["pcm"] > 24_000


@pytest.mark.parametrize("settings", ["defaults", "hints", "probabilities"])
def test_it_understands_what_it_spoke(found, settings):
    """By default as ``gpt-transcribe``; with a prompt, a temperature and key words; and as ``whisper-1`` in full."""
    heard = found["heard"][settings]
    assert heard["errors"] == []
    assert word_error_rate(TEXT, " ".join(heard["texts"])) == 0


def test_failures_are_error_frames(found):
    failed = found["failed"]
    assert any("It is as you said." in error for error in failed["INVALID_FIELD"]["errors"])
    assert failed["INVALID_FIELD"]["num_bytes"] == 0
    assert any("Error processing frame" in error for error in failed["BREAK"]["errors"])
