"""Sound without words gives no words, whether voice activity stands before the model or not."""

import numpy as np
import pytest

from antiphon_server.engine.protocol import ListenJob, SpeechChunk, SpeechJob
from antiphon_server.session.events import FinalHeard, Notice
from antiphon_server.session.listening import ListeningSession
from support.sessions import Events, listen_settings
from support.sounds import SOUNDS, pcm_of_sound
from support.speech import resampled, word_error_rate

pytestmark = pytest.mark.models
FOX = "The quick brown fox jumps over the lazy dog."


async def pcm_of(synthesizer, text: str) -> bytes:
    job = SpeechJob(text=text, voice="heart", sequence="s")
    speech = [item.pcm async for item in synthesizer.speak(job) if isinstance(item, SpeechChunk)]
    return resampled(b"".join(speech), 24_000)


async def listened(transcriber, voice_activity, pcm: bytes, **changes: object) -> Events:
    events = Events()
    settings = listen_settings(**({"partial_interval_ms": 0, "language": "en"} | changes))
    session = ListeningSession(transcriber, voice_activity, settings, events.emit)
    await session.take(pcm)
    await session.finish()
    return events


def text_of(events: Events) -> str:
    return " ".join(final.text for final in events.of(FinalHeard)).strip()


@pytest.mark.parametrize("name", sorted(SOUNDS.keys() - {"vowels"}))
async def test_the_gate_keeps_sound_without_a_voice_from_the_model(transcriber, voice_activity, name):
    events = await listened(transcriber, voice_activity, pcm_of_sound(name, 6))
    assert text_of(events) == ""
    assert all(not final.has_speech for final in events.of(FinalHeard))


@pytest.mark.parametrize("name", ["white -20 dBFS"])
async def test_an_open_gate_lets_nothing_be_invented_and_says_what_was_left_out(transcriber, voice_activity, name):
    events = await listened(transcriber, voice_activity, pcm_of_sound(name, 6), threshold=0.0)
    assert text_of(events) == ""
    (notice,) = events.of(Notice)
    assert notice.code == "WORDS_LEFT_OUT"
    assert notice.message.startswith("left out of the transcript, or cut short: 0.0 to ")


async def test_the_same_word_over_and_over_is_written_once_and_said(transcriber, synthesizer):
    pcm = await pcm_of(synthesizer, "Buffalo buffalo " * 8)
    heard = await transcriber.transcribe(ListenJob(pcm=pcm, language="en", is_partial=True))
    assert 1 <= len(heard.text.split()) <= 4
    assert [one.why for one in heard.left_out] == ["REPETITION"]


async def test_guesses_at_speech_played_backwards_are_left_out(transcriber, synthesizer):
    samples = np.frombuffer(await pcm_of(synthesizer, FOX), "<i2")[::-1]
    noisy = samples + np.random.default_rng(1).standard_normal(len(samples)) * 2000
    pcm = noisy.clip(-32_768, 32_767).astype("<i2").tobytes()
    heard = await transcriber.transcribe(ListenJob(pcm=pcm, language="ja", is_partial=True))
    assert heard.segments == ()
    assert heard.left_out


async def test_speech_before_minutes_of_silence_is_written_down_alone(transcriber, voice_activity, synthesizer):
    pcm = await pcm_of(synthesizer, FOX) + pcm_of_sound("pink -60 dBFS", 60) + pcm_of_sound("silence", 60)
    events = await listened(transcriber, voice_activity, pcm)
    assert word_error_rate(FOX, text_of(events)) == 0
    assert events.of(Notice) == []
