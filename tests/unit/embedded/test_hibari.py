import asyncio
from contextlib import aclosing

import numpy as np
import pytest

from antiphon_server.embedded.aliases import VOICE_ALIASES
from antiphon_server.engine.protocol import SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.engine.voice_names import FOREIGN_VOICES
from antiphon_server.errors import UnknownVoice

pytestmark = pytest.mark.models

FOX = "The quick brown fox jumps over the lazy dog."
ODD_TEXTS = [
    "<|foo:bar|> hello",
    "[hello](/qqq",
    "[a](/b/) there",
    "a-b-" * 500,
    "1" * 500,
    "x" * 1000,
    "\ud800abc \x00\x01",
    "مرحبا hello",
    "➍ ₅ ⁴ ² ½ Ⅷ",
    "\u202eabc\u200b",
    "$$$ £ €5 5€ 12:99 1/0 1e999",
    "a'" * 200,
    "http://" + "a/" * 200,
]


def job(text=FOX, voice="heart", **changes):
    return SpeechJob(text=text, voice=voice, sequence="s", **changes)


async def spoken(engine, wanted):
    items = [item async for item in engine.speak(wanted)]
    assert isinstance(items[-1], SpeechEnd)
    assert all(isinstance(item, SpeechChunk) for item in items[:-1])
    return [item.pcm for item in items[:-1]], items[-1]


async def test_chunks_are_small_and_the_first_is_smallest(synthesizer):
    chunks, end = await spoken(synthesizer, job())
    assert len(chunks[0]) == 40 * 24 * 2
    assert all(0 < len(chunk) <= 80 * 24 * 2 and len(chunk) % 2 == 0 for chunk in chunks)
    assert 2.0 < sum(map(len, chunks)) / 48_000 < 4.5
    assert end.engine_ms > 0
    assert end.characters_dropped == 0


@pytest.mark.parametrize("seed", [0, 7, -1, 2**63 - 1, -(2**63)])
async def test_the_same_seed_gives_the_same_samples(synthesizer, seed):
    first, _ = await spoken(synthesizer, job(seed=seed))
    again, _ = await spoken(synthesizer, job(seed=seed))
    other, _ = await spoken(synthesizer, job(seed=seed - 1 if seed > 0 else seed + 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
async def test_speed_changes_duration(synthesizer, speed):
    natural, _ = await spoken(synthesizer, job())
    changed, _ = await spoken(synthesizer, job(speed=speed))
    ratio = sum(map(len, natural)) / sum(map(len, changed))
    assert ratio == pytest.approx(speed, rel=0.12)


@pytest.mark.parametrize("semitones", [-12.0, -3.0, 2.5, 12.0])
async def test_pitch_moves_the_voice_and_keeps_the_duration(synthesizer, semitones):
    natural, _ = await spoken(synthesizer, job())
    changed, _ = await spoken(synthesizer, job(pitch_semitones=semitones))
    assert sum(map(len, changed)) == pytest.approx(sum(map(len, natural)), rel=0.12)
    rise = 12 * np.log2(_pitch_hz(changed) / _pitch_hz(natural))
    assert rise == pytest.approx(semitones, abs=1.5)  # the model intones anew at another speed


def _pitch_hz(chunks):
    samples = np.frombuffer(b"".join(chunks), "<i2").astype(float)
    found = []
    for start in range(0, len(samples) - 2400, 1200):
        frame = samples[start : start + 2400] - samples[start : start + 2400].mean()
        correlation = np.correlate(frame, frame, "full")[2399:]
        if correlation[0] > 2400 * 500**2:
            lag = 40 + int(np.argmax(correlation[40:320]))
            if correlation[lag] > 0.5 * correlation[0]:
                found.append(24_000 / lag)
    return float(np.median(found))


async def test_every_voice_sounds_different(synthesizer):
    voices = [voice.id for voice in (await synthesizer.info()).voices]
    sounds = {b"".join((await spoken(synthesizer, job(voice=voice)))[0]) for voice in voices}
    assert len(sounds) == len(voices) >= 8


async def test_voices_are_one_natural_and_labelled_variants(synthesizer):
    info = await synthesizer.info()
    assert [voice.id for voice in info.voices if not voice.is_variant] == ["heart"]
    assert all("ariant" in voice.description for voice in info.voices if voice.is_variant)
    assert info.voice_aliases == VOICE_ALIASES
    assert set(VOICE_ALIASES) == {"default", *FOREIGN_VOICES}
    assert set(VOICE_ALIASES.values()) <= {voice.id for voice in info.voices}
    assert 0 < info.first_output_ms < 5000


async def test_unknown_voice_is_refused_with_the_known_ones(synthesizer):
    with pytest.raises(UnknownVoice, match="heart-deep"):
        await spoken(synthesizer, job(voice="nobody"))


@pytest.mark.parametrize("text", ["", "  ", "...", "!?", "😀", "你好", "--", "((((" * 300, "\x00\u200b"])
async def test_text_with_nothing_to_speak_gives_no_sound_and_an_end(synthesizer, text):
    chunks, end = await spoken(synthesizer, job(text))
    assert chunks == []
    assert end.finish_reason == "STOP"
    assert end.characters_dropped == (2 if text == "你好" else 0)


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
async def test_odd_text_is_spoken(synthesizer, text):
    chunks, _ = await spoken(synthesizer, job(text))
    assert sum(map(len, chunks)) > 4800


async def test_loud_sound_is_clipped_and_never_wraps(synthesizer):
    chunks, _ = await spoken(synthesizer, job("WOW! STOP! GO!", pitch_semitones=-12))
    steps = np.abs(np.diff(np.frombuffer(b"".join(chunks), "<i2").astype(int)))
    assert steps.max() < 40_000


async def test_closing_stops_before_the_next_piece(synthesizer, monkeypatch):
    pieces = []
    model = synthesizer._model
    speak = model.from_ids
    monkeypatch.setattr(model, "from_ids", lambda *args: (pieces.append(args), speak(*args))[1])
    async with aclosing(synthesizer.speak(job("This is one sentence of many. " * 50))) as items:
        await anext(items)
    await spoken(synthesizer, job("Done."))
    assert len(pieces) == 2


async def test_the_loop_is_free_while_the_model_works(synthesizer):
    loop = asyncio.get_running_loop()
    speaking = asyncio.create_task(spoken(synthesizer, job(FOX * 20)))
    longest, last = 0.0, loop.time()
    while not speaking.done():
        await asyncio.sleep(0)
        longest, last = max(longest, loop.time() - last), loop.time()
    assert longest < 1.0
