"""LiveKit's OpenAI plugin, unchanged but for its address: it speaks in every format and understands what it spoke."""

import pytest
from installed import run_framework

from support.servers import Compat
from support.speech import word_error_rate

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]

TEXT = "Please water the plants on the balcony tomorrow."


@pytest.fixture(scope="module")
def found(compat: Compat):
    return run_framework("livekit_plugin.py", f"{compat.http_url}/v1", TEXT)


@pytest.mark.parametrize("name", ["defaults", "tts-1", "mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_it_speaks(found, name):
    """By default as events that carry MP3; ``tts-1`` as plain audio."""
    spoken = found["spoken"][name]
    assert (spoken["rate_hz"], spoken["channels"]) == (24_000, 1)
    longest = 6.0 if name in ("defaults", "tts-1") else 2.5  # a sentence, or a word
    assert longest / 4 < spoken["duration_s"] < longest


@pytest.mark.parametrize("model", ["gpt-4o-mini-transcribe", "whisper-1"])
def test_it_understands_what_it_spoke(found, model):
    heard = found["heard"][model]
    assert word_error_rate(TEXT, heard["text"]) == 0
    assert heard["language"] == "en"


def test_a_wrong_request_is_an_error_that_it_does_not_repeat(found):
    assert found["unknown_voice"] == {"error": "APIStatusError", "status": 400, "is_retryable": False}


def test_speech_that_breaks_off_is_an_error_of_its_own_classes(found):
    """Never half a sentence that passes for a whole one, though the plugin does not know the error event."""
    assert found["failed"] == {
        "busy": {"error": "APIStatusError", "status": 429, "is_retryable": True},
        "wrong": {"error": "APIStatusError", "status": 400, "is_retryable": False},
        "events_break": {"error": "APIConnectionError", "status": None, "is_retryable": True},
        "audio_breaks": {"error": "APIConnectionError", "status": None, "is_retryable": True},
    }
