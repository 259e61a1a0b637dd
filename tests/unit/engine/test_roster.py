from dataclasses import replace

import pytest

from antiphon_server.config.tables import MODEL_ALIASES
from antiphon_server.engine.protocol import EngineInfo, EngineVoice
from antiphon_server.engine.roster import Roster, SecondSynthesizer, Standing
from antiphon_server.errors import NotReady, UnknownModel, UnknownVoice, UnsupportedFeature
from support.fronts import scripted_engines
from support.scripted_live import LiveScript, ScriptedLiveTranscriber

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


BELLA = EngineVoice("af_bella", "Bella", "American English, female", is_variant=False, languages=("en-US",))
ALPHA = EngineVoice("jf_alpha", "Alpha", "Japanese, female; nothing here spells it", is_variant=False, languages=())
SECOND = replace(INFO, model="kokoro", voices=(BELLA, ALPHA), voice_aliases={"alloy": "af_bella", "coral": "af_bella"})


def with_second(second_standing: Standing | None = None, **changes: object) -> Roster:
    found = scripted_engines().synthesizer
    second = SecondSynthesizer("kokoro", found, lambda: second_standing or Standing("ready", SECOND, None))
    return roster(second=second, **changes)


@pytest.mark.parametrize(
    ("model", "voice", "answers"),
    [
        ("", "", "hibari"),
        ("", "heart-low", "hibari"),
        ("", "alloy", "hibari"),
        ("tts-1", "alloy", "hibari"),
        ("", "nobody", "hibari"),
        ("kokoro", "", "kokoro"),
        ("kokoro", "alloy", "kokoro"),
        ("", "af_bella", "kokoro"),
        ("", "AF_Bella", "kokoro"),
        ("tts-1", "af_bella", "kokoro"),
        ("", "coral", "kokoro"),
        ("hibari", "af_bella", "hibari"),
    ],
)
def test_a_model_is_chosen_by_its_name_else_by_its_voice(model, voice, answers):
    found = with_second()
    info = found.resolve_speech(model, voice)
    assert info.model == answers
    assert (found.synthesizer_of(info) is found.synthesizer) == (answers == "hibari")


def test_each_model_has_its_own_default_voice_and_aliases():
    found = with_second(default_voice="heart-low")
    assert found.resolve_voice("", INFO) == "heart-low"
    assert found.resolve_voice("", SECOND) == "af_bella"
    assert found.resolve_voice("alloy", SECOND) == "af_bella"


def test_a_voice_whose_language_is_missing_is_found_and_refused_with_the_reason():
    found = with_second()
    assert found.find_voice("jf_alpha", SECOND) is ALPHA
    with pytest.raises(UnsupportedFeature, match="nothing here spells it"):
        found.resolve_voice("jf_alpha", SECOND)


def test_a_second_model_that_is_starting_leaves_the_first_alone():
    refusal = NotReady("warming up", retry_after_s=1.0)
    starting = with_second(Standing("starting", None, refusal))
    assert starting.resolve_speech("", "af_bella") is INFO
    assert starting.resolve_speech("", "") is INFO
    with pytest.raises(NotReady):
        starting.resolve_speech("kokoro", "")
    assert [standing.state for standing in starting.standings("synthesizer")] == ["ready", "starting"]


def test_a_second_model_answers_while_the_first_does_not():
    refusal = NotReady("warming up", retry_after_s=1.0)
    found = with_second(standing=lambda role: Standing("restarting", INFO, refusal))
    assert found.resolve_speech("kokoro", "") is SECOND
    with pytest.raises(NotReady):
        found.resolve_speech("", "")


def test_an_alias_can_lead_to_the_second_model():
    found = with_second(model_aliases={**MODEL_ALIASES, "better": "kokoro"})
    assert found.resolve_model("better", "synthesizer") is SECOND
    assert found.names_of(SECOND, "synthesizer", is_default=False) == ["better"]
    assert "tts-1" in found.names_of(INFO, "synthesizer", is_default=True)
    with pytest.raises(UnknownModel, match="kokoro"):
        found.resolve_model("kokorro", "synthesizer")


LIVE = replace(INFO, model="moonshine", languages=("en",), voices=())
WHISPER = replace(INFO, model="whisper", languages=("en", "de"), voices=())


def with_live(live_standing: Standing, main: Standing) -> Roster:
    standings = {"live_transcriber": live_standing, "transcriber": main}
    return roster(live=ScriptedLiveTranscriber(LiveScript()), standing=lambda role: standings[role])


@pytest.mark.parametrize(
    ("language", "main", "found"),
    [
        ("en", WHISPER, LIVE),
        ("de", WHISPER, None),
        ("", WHISPER, None),
        ("", replace(WHISPER, languages=("en",)), LIVE),
        ("", None, None),
        ("en", None, LIVE),
    ],
)
def test_a_live_transcriber_is_used_for_what_it_writes_alone(language, main, found):
    assert with_live(Standing("ready", LIVE, None), Standing("ready", main, None)).live_info(language) is found


def test_a_live_transcriber_that_does_not_answer_is_none():
    refusal = NotReady("warming up", retry_after_s=1.0)
    main = Standing("ready", WHISPER, None)
    assert with_live(Standing("starting", None, refusal), main).live_info("en") is None
    restarting = with_live(Standing("restarting", LIVE, refusal), main)
    assert restarting.live_info("en") is None
    assert [each.state for each in restarting.standings("live_transcriber")] == ["restarting"]
    assert roster().live_info("en") is None
    assert roster().standings("live_transcriber") == ()
