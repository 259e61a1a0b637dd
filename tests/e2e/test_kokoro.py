"""Kokoro beside hibari in one server: chosen by model or voice, listed, understood in its languages."""

import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import jiwer
import pytest

from antiphon.speech.v1 import model_service_pb2 as model_pb
from antiphon.speech.v1 import voice_service_pb2 as voice_pb
from antiphon.speech.v1 import voice_service_pb2_grpc as voice_grpc
from antiphon.speech.v1.report_pb2 import WarningCode
from antiphon.speech.v1.synthesis_service_pb2 import ExplainSynthesisRequest, SynthesisConfig
from support.added import ADDED_MODELS, KOKORO_VOICES, needs_espeak, needs_kokoro
from support.calls import audio_of, calls_to
from support.servers import TESTS, Server, start_server
from support.speech import word_error_rate

pytestmark = [pytest.mark.models, pytest.mark.timeout(240)]  # a third of real time on two free cores; less on busy ones

SETTINGS = """
cache_dir = {cache!r}
engine_path = [{tests!r}]
[stt]
engine = "support.scripted:create_transcriber"
[vad]
engine = "support.scripted:create_voice_activity"
[chat]
engine = "support.scripted:create_chat"
"""
ENGLISH = {
    "am_michael": "Can you tell me where the library is?",
    "bf_emma": "The doctor said that he should rest.",
    "bm_george": "The museum is closed on Tuesdays.",
}
FOREIGN = {
    "ef_dora": ("es", "Mañana compraré tres manzanas y dos limones."),
    "ff_siwis": ("fr", "Je voudrais une table près de la fenêtre."),
    "if_sara": ("it", "Vorrei un tavolo vicino alla finestra."),
    "pf_dora": ("pt", "O médico disse que ele deve descansar."),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that speaks with hibari and with kokoro."""
    needs_kokoro()
    config = Path(tmp_path_factory.mktemp("kokoro")) / "antiphon.toml"
    config.write_text(SETTINGS.format(cache=str(ADDED_MODELS), tests=str(TESTS)))
    server = start_server(
        config=config, environment={"ANTIPHON_SECOND_TTS_ENGINE": "auto", "ANTIPHON_SECOND_TTS_OPTIONS_THREADS": "1"}
    )
    yield server
    server.stop()


@pytest.fixture
def espeak() -> None:
    """The languages that espeak-ng spells."""
    needs_espeak()


def started(responses):
    return next(response.started for response in responses if response.HasField("started"))


async def test_both_models_and_all_their_voices_are_listed(both):
    async with calls_to(both) as stubs:
        models = (await stubs.models.ListModels(model_pb.ListModelsRequest(kind=model_pb.MODEL_KIND_SYNTHESIS))).models
        voices = voice_grpc.VoiceServiceStub(stubs.channel)
        listed = (await voices.ListVoices(voice_pb.ListVoicesRequest(page_size=1000))).voices
        french = (await voices.ListVoices(voice_pb.ListVoicesRequest(language="fr"))).voices
        emma = (await voices.GetVoice(voice_pb.GetVoiceRequest(voice="bf_emma"))).voice
        alpha = (await voices.GetVoice(voice_pb.GetVoiceRequest(voice="jf_alpha"))).voice
    assert [(model.id, model.is_default) for model in models] == [("hibari", True), ("kokoro", False)]
    assert "tts-1" in models[0].aliases
    assert "tts-1" not in models[1].aliases
    assert sum(voice.model == "kokoro" for voice in listed) == KOKORO_VOICES
    assert listed[0].id == "heart"
    assert {voice.id for voice in french} <= {"ff_siwis"}
    assert (list(emma.languages), emma.labels["gender"], emma.model) == (["en-GB"], "female", "kokoro")
    assert not alpha.languages
    assert "Japanese" in alpha.description


async def test_english_voices_are_understood(both, server):
    async with calls_to(both) as speaking, calls_to(server) as listening:
        clips = [await speaking.pcm(text, voice=voice) for voice, text in ENGLISH.items()]
        heard = await listening.write_down(bytes(32_000).join(clips), language="en")
    assert word_error_rate(" ".join(ENGLISH.values()), heard) <= 0.06, heard


async def test_voices_of_other_languages_are_understood(both, server, espeak):
    async with calls_to(both) as speaking, calls_to(server) as listening:
        said, heard = [], []
        for voice, (language, text) in FOREIGN.items():
            said.append(text)
            heard.append(await listening.write_down(await speaking.pcm(text, voice=voice), language=language))
    words = [re.sub(r"[^\w ]", "", text.lower()) for text in (*said, *heard)]
    assert jiwer.wer(words[: len(said)], words[len(said) :]) <= 0.15, heard


async def test_the_model_is_chosen_by_name_or_by_voice(both):
    async with calls_to(both) as stubs:
        by_name = await stubs.speak_once("Yes.", model="kokoro", voice="echo")
        by_voice = await stubs.speak_once("Yes.", model="tts-1", voice="am_echo")
        default = await stubs.speak_once("Yes.", voice="echo")
    assert (started(by_name).model, started(by_name).config.voice) == ("kokoro", "am_echo")
    assert started(by_voice).model == "kokoro"
    assert started(default).model == "hibari"
    assert audio_of(by_name) == audio_of(by_voice)


async def test_what_a_voice_cannot_do_is_said(both):
    async with calls_to(both) as stubs:
        with pytest.raises(grpc.aio.AioRpcError, match="jf_alpha cannot speak here"):
            await stubs.speak_once("Hello.", voice="jf_alpha")
        with pytest.raises(grpc.aio.AioRpcError, match="no voice of hibari"):
            await stubs.speak_once("Hello.", model="hibari", voice="bf_emma")
        seeded = await stubs.speak_once("Yes. 你好", voice="af_sky", sampling={"seed": 7})
        request = ExplainSynthesisRequest(text="Yes. 你好", config=SynthesisConfig(voice="af_sky"))
        explained = await stubs.synthesis.ExplainSynthesis(request)
    codes = [WarningCode.Name(warning.code) for warning in started(seeded).warnings]
    assert codes == ["WARNING_CODE_FIELD_IGNORED"]
    later = [response.warning for response in seeded if response.HasField("warning")]
    assert [WarningCode.Name(each.code) for each in later] == ["WARNING_CODE_TEXT_NOT_SPOKEN"]
    assert [each.message for each in explained.warnings] == [each.message for each in later]


async def test_a_voice_that_reads_another_language_is_reported(both, espeak):
    async with calls_to(both) as stubs:
        told = started(await stubs.speak_once("Hola.", voice="af_sky", language="es"))
        same = started(await stubs.speak_once("Hola.", voice="em_alex", language="es"))
    assert [WarningCode.Name(warning.code) for warning in told.warnings] == ["WARNING_CODE_LANGUAGE_MISMATCH"]
    assert not same.warnings


async def test_pauses_are_exact(both):
    async with calls_to(both) as stubs:
        plain = await stubs.pcm("Yes. No.", 24_000, voice="af_heart", model="kokoro")
        paused = await stubs.pcm("Yes. <|prosody:pause|>No.", 24_000, voice="af_heart", model="kokoro")
    assert (len(paused) - len(plain)) / 48 == pytest.approx(550, abs=1)
