from dataclasses import replace

import pytest

from antiphon_server.config.tables import MODEL_ALIASES
from antiphon_server.engine.protocol import EngineInfo, EngineVoice
from antiphon_server.engine.roster import Roster, Standing
from antiphon_server.errors import NotReady, UnknownModel, UnknownVoice
from support.fronts import scripted_engines

HEART = EngineVoice("heart", "Heart", "", is_variant=False, languages=("en",))
LOW = EngineVoice("heart-low", "Heart, low", "", is_variant=True, languages=("en",))
INFO = EngineInfo(
    "hibari",
    "0" * 64,
    "x",
    "MIT",
    ("en",),
    8,
    voices=(HEART, LOW),
    voice_aliases={"alloy": "heart", "ash": "heart-low"},
)


def roster(**changes: object) -> Roster:
    engines = scripted_engines()
    standing = Standing("ready", INFO, None)
    found = Roster(
        engines.synthesizer,
        engines.transcriber,
        engines.voice_activity,
        engines.chat,
        lambda role: standing,
        MODEL_ALIASES,
        {"Mine": "heart-low"},
    )
    return replace(found, **changes)


@pytest.mark.parametrize("name", ["", "hibari", "tts-1", "gpt-4o-mini-tts", "higgs2p5"])
def test_the_model_answers_to_its_names(name):
    assert roster().resolve_model(name, "synthesizer") is INFO


@pytest.mark.parametrize("name", ["whisper-1", "hibarii", "nothing-like-it"])
def test_a_name_of_no_model_of_the_role_is_refused_with_what_there_is(name):
    with pytest.raises(UnknownModel) as caught:
        roster().resolve_model(name, "synthesizer", field="config.model")
    assert caught.value.field == "config.model"
    assert repr(name) in caught.value.message
    assert "there is " in caught.value.message


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(UnknownModel, match="hibari"):
        roster().resolve_model("hibarii", "synthesizer")


def test_a_strict_roster_knows_ids_only():
    strict = roster(is_strict=True)
    assert strict.resolve_model("hibari", "synthesizer") is INFO
    assert strict.model_names("synthesizer") == []
    with pytest.raises(UnknownModel):
        strict.resolve_model("tts-1", "synthesizer")


def test_aliases_of_a_role_are_listed():
    assert "tts-1" in roster().model_names("synthesizer")
    assert "whisper-1" not in roster().model_names("synthesizer")


@pytest.mark.parametrize(
    ("name", "voice"),
    [("", "heart"), ("default", "heart"), ("heart-low", "heart-low"), ("Alloy", "heart"), ("mine", "heart-low")],
)
def test_voices_answer_to_ids_and_aliases_in_any_case(name, voice):
    assert roster().resolve_voice(name, INFO) == voice


def test_the_default_voice_can_be_set():
    assert roster(default_voice="ash").resolve_voice("", INFO) == "heart-low"


def test_an_unknown_voice_gets_the_nearest_and_is_shown_shortened():
    with pytest.raises(UnknownVoice) as caught:
        roster().resolve_voice("hart-low", INFO)
    assert "heart-low" in caught.value.message
    with pytest.raises(UnknownVoice) as caught:
        roster().resolve_voice("z" * 1000, INFO)
    assert len(caught.value.message) < 300


def test_an_engine_that_does_not_answer_refuses_before_names_are_looked_at():
    refusal = NotReady("warming up", retry_after_s=1.0)
    warming = roster(standing=lambda role: Standing("starting", None, refusal))
    with pytest.raises(NotReady):
        warming.resolve_model("no such", "synthesizer")
    assert isinstance(warming.model_names("synthesizer"), list)
