"""The openai packages for Python and Node.js, unchanged but for their address: all they can say, and all they hear."""

import io
import wave

import av
import pytest
from installed import run_package

from support.servers import Compat
from support.speech import word_error_rate

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]

TEXT = "The sun is warm today."
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


@pytest.fixture(scope="module", params=["python", "node"])
def language(request):
    return request.param


@pytest.fixture(scope="module")
def folder(language, tmp_path_factory):
    return tmp_path_factory.mktemp(language)


@pytest.fixture(scope="module")
def found(language, folder, compat: Compat):
    return run_package(language, "openai_speech", f"{compat.http_url}/v1", str(folder), TEXT, folder=folder)


def length_s(data: bytes, name: str) -> float:
    if name == "pcm":
        return len(data) / 48_000
    with av.open(io.BytesIO(data)) as file:
        return sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_spoken(found, folder, name):
    spoken_s = length_s((folder / "whole.pcm").read_bytes(), "pcm")
    assert length_s((folder / f"whole.{name}").read_bytes(), name) == pytest.approx(spoken_s, abs=0.1)
    assert found["spoken"]["content_types"][name].startswith("audio/")


def test_whole_streamed_and_as_events_are_the_same_samples(found, folder):
    whole = (folder / "whole.pcm").read_bytes()
    assert (folder / "streamed.pcm").read_bytes() == whole
    assert (folder / "events.pcm").read_bytes() == whole
    with wave.open(str(folder / "whole.wav")) as file:
        assert file.readframes(file.getnframes()) == whole
    assert found["spoken"]["num_pieces"] > 1


def test_events_are_deltas_and_one_end_with_its_usage(found):
    *deltas, done = found["spoken"]["events"]
    assert len(deltas) > 1
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert done["type"] == "speech.audio.done"
    assert {"input_tokens", "output_tokens", "total_tokens"} <= done["usage"].keys()


def test_a_voice_may_be_an_object_and_speed_counts(found, folder):
    assert found["spoken"]["events"]
    fast_s = length_s((folder / "fast.pcm").read_bytes(), "pcm")
    assert fast_s == pytest.approx(length_s((folder / "whole.pcm").read_bytes(), "pcm") / 2, rel=0.2)


def test_json_and_text_hold_what_was_said(found):
    heard = found["heard"]
    assert word_error_rate(TEXT, heard["json"]["text"]) == 0
    assert heard["text"].strip() == heard["json"]["text"]
    assert heard["json"]["usage"]["type"] == "duration"


@pytest.mark.parametrize(("name", "head", "mark"), [("srt", "1\n00:00:0", ","), ("vtt", "WEBVTT\n\n00:00:0", ".")])
def test_subtitles_are_text_with_times(found, name, head, mark):
    cue = found["heard"][name]
    assert cue.startswith(head)
    assert f"00:00:00{mark}" in cue
    assert TEXT in cue


def test_verbose_json_has_segments_and_words(found, folder):
    heard = found["heard"]["verbose_json"]
    spoken_s = length_s((folder / "whole.pcm").read_bytes(), "pcm")
    assert heard["language"] == "english"
    assert heard["duration"] == pytest.approx(spoken_s, abs=0.1)
    assert [word["word"] for word in heard["words"]] == TEXT.split()
    assert all(0 <= word["start"] < word["end"] <= spoken_s for word in heard["words"])
    assert "".join(segment["text"] for segment in heard["segments"]).strip() == TEXT
    assert [segment["seek"] for segment in heard["segments"]] == [
        pytest.approx(segment["start"] * 100, abs=1) for segment in heard["segments"]
    ]


def test_a_streamed_transcript_adds_up(found):
    *deltas, done = found["heard"]["events"]
    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert done["type"] == "transcript.text.done"
    assert "".join(event["delta"] for event in deltas) == done["text"]
    assert "".join(token["token"] for token in done["logprobs"]) == done["text"]
    assert word_error_rate(TEXT, done["text"]) == 0


def test_a_translation_is_english(found):
    assert word_error_rate(TEXT, found["heard"]["translation"]["text"]) == 0


def test_models_and_voices_are_listed(found):
    assert {"hibari", "whisper-base"} <= set(found["models"])
    assert (found["model"]["id"], found["model"]["object"]) == ("whisper-base", "model")
    names = {name for voice in found["voices"]["data"] for name in (voice["id"], *voice["aliases"])}
    assert {"alloy", "verse", "heart"} <= names
