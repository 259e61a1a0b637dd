# ruff: noqa: RUF001 - letters of the phonetic alphabet

import asyncio
import threading
import time
from contextlib import aclosing

import numpy as np
import pytest

from antiphon_server.embedded import kokoro
from antiphon_server.embedded.kokoro_phrases import LEAD_MS, Phrase
from antiphon_server.engine.protocol import SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.engine.voice_names import FOREIGN_VOICES
from antiphon_server.errors import EngineFailed, ModelNotInstalled, UnknownVoice, UnsupportedFeature
from support.added import ADDED_MODELS, KOKORO_VOICES, needs_kokoro

pytestmark = pytest.mark.models

ODD_TEXTS = ["", "  ", "...", "!?", "你好", "((((" * 100, "\x00\u200b"]
TEXTS = (
    "¿Qué hora es? Son las 3, o las 4.",
    "Où êtes-vous, à 8h30 ?",
    "Città: più o meno 12.",
    "मुझे पानी चाहिए। 5",
    "Não, amanhã!",
    "The price is $4.50.",
)


@pytest.fixture(scope="module")
def synthesizer():
    needs_kokoro()
    return asyncio.run(kokoro.create({"cache_dir": str(ADDED_MODELS)}))


def job(text="Good day.", voice="af_heart", **changes):
    return SpeechJob(text=text, voice=voice, sequence="s", **changes)


async def spoken(engine, wanted):
    items = [item async for item in engine.speak(wanted)]
    assert isinstance(items[-1], SpeechEnd)
    assert all(isinstance(item, SpeechChunk) for item in items[:-1])
    return [item.pcm for item in items[:-1]], items[-1]


@pytest.fixture(scope="module")
def natural(synthesizer):
    """Chunks of the plain job."""
    return asyncio.run(spoken(synthesizer, job()))[0]


async def test_every_voice_says_its_language_and_gender(synthesizer):
    info = await synthesizer.info()
    files = {path.stem for path in (ADDED_MODELS / "kokoro-1.0/voices").iterdir()}
    assert {voice.id for voice in info.voices} == files
    assert len(info.voices) == KOKORO_VOICES
    assert {voice.labels["gender"] for voice in info.voices} == {"female", "male"}
    assert next(voice.id for voice in info.voices if voice.languages == ("en-GB",)) == "bf_alice"
    assert set(info.languages) >= {tag for voice in info.voices for tag in voice.languages}
    silent = [voice for voice in info.voices if not voice.languages]
    assert {voice.id[0] for voice in silent} >= {"j", "z"}
    assert all("; " in voice.description for voice in silent)


async def test_names_of_other_services_lead_to_voices_that_speak(synthesizer):
    info = await synthesizer.info()
    able = {voice.id for voice in info.voices if voice.languages}
    assert set(info.voice_aliases.values()) <= able
    assert set(FOREIGN_VOICES) <= set(info.voice_aliases)


async def test_the_same_text_gives_the_same_samples_whatever_the_seed(synthesizer, natural):
    again, end = await spoken(synthesizer, job(seed=2))
    assert again == natural
    assert not (await synthesizer.info()).supports_seed
    assert end.engine_ms > 0


def test_chunks_are_small_and_sound_begins_and_ends_in_silence(natural):
    assert len(natural[0]) == 40 * 24 * 2
    assert all(0 < len(chunk) <= 80 * 24 * 2 for chunk in natural)
    samples = np.frombuffer(b"".join(natural), "<i2").astype(int)
    loud = np.flatnonzero(np.abs(samples) > 400)
    assert abs(samples[0]) < 10
    assert abs(samples[-1]) < 10
    assert loud[0] < 24 * (LEAD_MS + 60)
    assert 24 * 200 < len(samples) - loud[-1] < 24 * 400


@pytest.mark.parametrize(("speed", "semitones"), [(0.25, 0.0), (2.0, -4.0)])
async def test_pace_and_pitch_are_rendered(synthesizer, natural, speed, semitones):
    changed, _ = await spoken(synthesizer, job(speed=speed, pitch_semitones=semitones))
    ratio = sum(map(len, natural)) / sum(map(len, changed))
    assert ratio == pytest.approx(speed, rel=0.3)  # the model keeps consonants longer than it is told
    assert changed != natural


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
async def test_text_with_nothing_to_speak_gives_no_sound_and_an_end(synthesizer, text):
    chunks, end = await spoken(synthesizer, job(text))
    assert chunks == []
    assert end.characters_dropped == (2 if text == "你好" else 0)


async def test_an_utterance_begins_with_a_clause_and_goes_on_with_sentences(synthesizer, monkeypatch):
    text = "When the rain had stopped at last, the children ran out into the garden behind the old house."
    asked = []
    monkeypatch.setattr(synthesizer._model, "speak", lambda phrase, *_: asked.append(phrase) or np.zeros(0, np.float32))
    await spoken(synthesizer, job(text, is_first=True))
    assert [phrase.phonemes[-1] for phrase in asked] == [",", "."]
    asked.clear()
    await spoken(synthesizer, job(text))
    assert len(asked) == 1


async def test_unknown_voices_and_languages_without_a_front_end_are_refused(synthesizer):
    with pytest.raises(UnknownVoice, match="nobody"):
        await spoken(synthesizer, job(voice="nobody"))
    with pytest.raises(UnsupportedFeature, match=r"jf_alpha.*Japanese"):
        await spoken(synthesizer, job(voice="jf_alpha"))


async def test_a_voice_can_be_told_to_read_another_language(synthesizer):
    own, _ = await spoken(synthesizer, job("No.", voice="am_puck"))
    same, _ = await spoken(synthesizer, job("No.", voice="am_puck", language="en"))
    assert own == same
    with pytest.raises(UnsupportedFeature):
        await spoken(synthesizer, job("No.", voice="am_puck", language="ja"))


@pytest.mark.parametrize("tag", ["en-US", "en-GB", "es", "fr-FR", "hi", "it", "pt-BR"])
async def test_every_language_is_spelled_in_the_models_alphabet(synthesizer, tag):
    if tag not in synthesizer._spelling:
        pytest.skip("espeak-ng was not added: antiphon models add espeak --cache-dir .cache/models")
    spelled = "".join("".join(synthesizer._spelling[tag].phonemes(text)) for text in TEXTS)
    assert len(spelled) > 20
    assert not set(spelled) - set(synthesizer._model._alphabet)


async def test_stopping_ends_a_run_in_the_middle(synthesizer):
    model, stop = synthesizer._model, synthesizer._model.new_stop()
    failures = []

    def run():
        try:
            model.speak(Phrase("ðə kwˈɪk bɹˈWn fˈɑks ʤˈʌmps ˈOvəɹ " * 14, 0), "af_heart", 1.0, stop)
        except EngineFailed as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.2)
    stop.set()
    await asyncio.to_thread(thread.join)
    assert len(failures) == 1
    assert model.speak(Phrase("hˈI", 0), "af_heart", 1.0, stop).size == 0


async def test_closing_frees_the_model_for_the_next_call(synthesizer):
    long = job("One. " * 20)
    async with aclosing(synthesizer.speak(long)) as items:
        await anext(items)
    chunks, _ = await spoken(synthesizer, job("Done."))
    assert chunks


async def test_a_folder_that_is_missing_or_changed_is_named(tmp_path):
    with pytest.raises(ModelNotInstalled, match="antiphon models add kokoro"):
        await kokoro.create({"cache_dir": str(tmp_path)})
    (tmp_path / "kokoro-1.0/voices").mkdir(parents=True)
    (tmp_path / "kokoro-1.0/model.onnx").write_bytes(b"another")
    with pytest.raises(ModelNotInstalled, match="sha256"):
        await kokoro.create({"cache_dir": str(tmp_path)})
