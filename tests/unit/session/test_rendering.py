"""Pace and pitch on an engine that has none of its own: heard, counted, and never twice."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from antiphon_server.engine.protocol import SpeechChunk, SpeechEnd
from antiphon_server.session.events import AudioOut, UtteranceCut, UtteranceEnded
from antiphon_server.session.settings import SpeechUpdate
from antiphon_server.session.speaking import SpeechSession
from antiphon_server.text.segment import Segment
from support.sessions import CHUNK_SAMPLES, RATE_HZ, EchoSynthesizer, Events, speech_settings, spoken


class ToneSynthesizer(EchoSynthesizer):
    """Hums 40 ms a character, as loudly at the end as before, and heeds neither pace nor pitch."""

    async def speak(self, job):
        self.jobs.append(job)
        num_samples = len(job.text) * CHUNK_SAMPLES
        sound = (8_000 * np.sin(np.arange(num_samples) * 2 * np.pi * 160 / RATE_HZ)).astype("<i2").tobytes()
        for start in range(0, len(sound), 2 * CHUNK_SAMPLES):
            await asyncio.sleep(0)
            yield SpeechChunk(sound[start : start + 2 * CHUNK_SAMPLES])
        yield SpeechEnd()


def settings(**changes):
    return speech_settings(has_own_delivery=False, rendered_tags=frozenset({"prosody:speed_slow"}), **changes)


def heard(events: Events) -> np.ndarray:
    return np.frombuffer(b"".join(out.data for out in events.of(AudioOut)), "<i2").astype(float)


async def hummed(text: str, **changes) -> Events:
    return await spoken([text], settings(**changes), synthesizer=ToneSynthesizer())


@pytest.mark.parametrize("speed", [0.25, 0.8, 1.5, 4.0])
async def test_every_segment_is_as_long_as_its_pace_and_the_books_agree(speed):
    natural, changed = await hummed("One two. Three four."), await hummed("One two. Three four.", speed=speed)
    lengths = [len("One two.") * CHUNK_SAMPLES, len("Three four.") * CHUNK_SAMPLES]
    (ended,) = changed.of(UtteranceEnded)
    assert len(heard(natural)) == sum(lengths)
    assert len(heard(changed)) == ended.num_samples == sum(round(length / speed) for length in lengths)
    assert ended.audio_ms == round(ended.num_samples * 1000 / RATE_HZ)
    assert ended.num_characters == natural.of(UtteranceEnded)[0].num_characters
    outs = changed.of(AudioOut)
    assert [out.first_sample for out in outs] == [sum(o.num_samples for o in outs[:n]) for n in range(len(outs))]
    assert max(out.num_samples for out in outs) <= RATE_HZ * 80 // 1000 + RATE_HZ * 5 // 1000


async def test_natural_pace_changes_no_bit():
    plain = await spoken(["One two. Three."], speech_settings(), synthesizer=ToneSynthesizer())
    events = await hummed("One two. Three.", speed=1.0)
    assert [out.data for out in events.of(AudioOut)] == [out.data for out in plain.of(AudioOut)]


@pytest.mark.parametrize("speed", [0.5, 1.3])
async def test_no_seam_between_changed_segments_clicks(speed):
    events = await hummed("One two. Three four. Five.", speed=speed)
    jump = np.abs(np.diff(heard(events))).max()
    assert jump < 3 * 8_000 * 2 * np.pi * 160 / RATE_HZ  # a tone cut anywhere would jump by up to 8000


async def test_tags_of_pace_are_the_models_own_and_not_given_to_its_sound_as_well():
    events = await hummed("<|prosody:speed_slow|>One two.")
    assert len(heard(events)) == len("One two.") * CHUNK_SAMPLES
    engine = ToneSynthesizer()
    await spoken(["<|prosody:speed_slow|>One two."], settings(speed=2.0), synthesizer=engine)
    assert [(job.speed, job.tags) for job in engine.jobs] == [(2.0, ("prosody:speed_slow",))]


async def test_an_engine_with_a_pace_of_its_own_is_left_to_it():
    engine = ToneSynthesizer()
    events = await spoken(["One."], speech_settings(speed=2.0), synthesizer=engine)
    assert engine.jobs[0].speed == 2.0
    assert len(heard(events)) == len("One.") * CHUNK_SAMPLES


async def test_pitch_moves_and_the_length_stays():
    events = await hummed("One two three four five six seven.", pitch_semitones=12.0)
    sound = heard(events)
    assert len(sound) == pytest.approx(len("One two three four five six seven.") * CHUNK_SAMPLES, abs=2)
    middle = sound[8_000:20_000]
    peak_hz = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle))))) * RATE_HZ / len(middle)
    assert peak_hz == pytest.approx(320, abs=4)


async def test_another_pace_is_another_replay_token():
    tokens = [(await hummed("One.", speed=speed)).of(UtteranceEnded)[0].replay_token for speed in (1.0, 1.5, 1.5)]
    assert tokens[0] != tokens[1] == tokens[2]


async def test_an_update_changes_the_pace_from_the_next_segment_on():
    events = Events()
    session = SpeechSession(ToneSynthesizer(), settings(), events.emit)
    running = asyncio.create_task(session.run())
    await session.add_text("One two. ")
    await session.flush()
    await events.until(UtteranceEnded)
    session.update(SpeechUpdate(speed=2.0))
    await session.add_text("One two. ")
    await session.finish()
    await running
    first, second = (ended.num_samples for ended in events.of(UtteranceEnded))
    assert (first, second) == (len("One two.") * CHUNK_SAMPLES, len("One two.") * CHUNK_SAMPLES // 2)


@pytest.mark.parametrize("speed", [0.5, 2.0])
async def test_a_cut_fades_and_its_receipt_counts_at_the_pace_that_is_heard(speed):
    events = Events()
    session = SpeechSession(ToneSynthesizer(), settings(speed=speed), events.emit)

    async def watch(index: int) -> None:
        if len(events.of(AudioOut)) == 5 and isinstance(events[index], AudioOut):
            await session.cancel()

    events.watch = watch
    running = asyncio.create_task(session.run())
    await session.add_text("A long sentence that nobody hears the end of, since it is cut. ")
    await session.finish()
    await running
    (cut,) = events.of(UtteranceCut)
    sound = heard(events)
    assert len(sound) == cut.samples_sent == sum(out.num_samples for out in events.of(AudioOut))
    ahead = cut.samples_generated - cut.samples_sent
    assert 0 <= ahead <= RATE_HZ // 5 / speed
    assert np.abs(sound[-3:]).max() < 500


def test_settings_count_tags_only_where_the_engine_does_not_speak_them():
    own, segment = speech_settings(speed=2.0), Segment("One.", speed_factor=0.85, pitch_semitones=2.0)
    assert (own.speed_of(segment), own.pitch_of(segment)) == (1.7, 2.0)
    other = replace(own, has_own_delivery=False)
    assert (other.speed_of(segment), other.pitch_of(segment)) == (2.0, 0.0)
