import asyncio
import itertools
import zlib
from collections.abc import AsyncGenerator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.audio.format import Encoding, Format
from antiphon_server.engine.protocol import SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.errors import EngineFailed, InvalidField, TextTooLong
from antiphon_server.session.events import AudioOut, Notice, UtteranceBegan, UtteranceCut, UtteranceEnded
from antiphon_server.session.settings import SpeechUpdate
from antiphon_server.session.speaking import SpeechSession
from support.scripted import ScriptedSynthesizer, SpeechScript
from support.sessions import CHUNK_SAMPLES, RATE_HZ, EchoSynthesizer, Events, speech_settings, spoken

TEXT = "Hi you. This <|prosody:speed_slow|>is slow, is it? Yes! No..."


async def said(text: str, **changes: object) -> Events:
    return await spoken([text], speech_settings(**changes))


@given(st.lists(st.integers(1, len(TEXT) - 1), max_size=10))
@settings(max_examples=25)
def test_text_in_any_cut_gives_the_same_audio_and_the_same_books(places):
    edges = [0, *sorted(places), len(TEXT)]
    parts = [TEXT[start:end] for start, end in itertools.pairwise(edges)]
    whole, cut = asyncio.run(spoken([TEXT])), asyncio.run(spoken(parts))
    assert cut.audio() == whole.audio()
    (one,), (other,) = whole.of(UtteranceEnded), cut.of(UtteranceEnded)
    assert (one.replay_token, one.crc32, one.num_samples) == (other.replay_token, other.crc32, other.num_samples)


async def test_chunks_are_numbered_continuous_and_add_up():
    events = await said(TEXT, format=Format(Encoding.PCM_S16LE, 16_000))
    outs, (ended,) = events.of(AudioOut), events.of(UtteranceEnded)
    assert [out.sequence for out in outs] == list(range(len(outs)))
    assert [out.first_sample for out in outs] == [sum(o.num_samples for o in outs[:i]) for i in range(len(outs))]
    assert sum(out.num_samples for out in outs) == ended.num_samples == len(events.audio()) // 2
    assert ended.crc32 == zlib.crc32(events.audio())
    assert max(out.num_samples for out in outs) <= 16_000 // 5
    assert isinstance(events[0], UtteranceBegan)
    assert events[-1] == ended


async def test_a_flush_ends_the_utterance_and_the_next_text_begins_another():
    events = await spoken(["Hello", "\f", "\f", "World"])
    assert [event.utterance_id for event in events.of(UtteranceBegan)] == ["u1", "u2"]
    assert [event.utterance_id for event in events.of(UtteranceEnded)] == ["u1", "u2"]
    assert len(events.audio("u1")) == len(events.audio("u2")) == 5 * CHUNK_SAMPLES * 2


async def test_flush_without_text_and_finish_without_text_do_nothing():
    assert await spoken(["\f", "\f"]) == []


async def test_a_pause_is_exact_silence():
    events = await said("One.<|prosody:pause|>Two.")
    samples = events.audio()
    assert len(samples) // 2 == 8 * CHUNK_SAMPLES + RATE_HZ * 550 // 1000
    start = 4 * CHUNK_SAMPLES * 2
    assert not any(samples[start : start + RATE_HZ * 550 // 1000 * 2])


async def test_a_gap_stands_between_segments_only():
    events = await said("One. Two.", segment_gap_ms=200)
    assert len(events.audio()) // 2 == 8 * CHUNK_SAMPLES + RATE_HZ // 5


async def test_tags_without_effect_are_named_once():
    events = await said("<|emotion:awe|>One. <|emotion:awe|>Two. <|sfx:sigh|>Three.")
    notices = [event.message for event in events.of(Notice)]
    assert len(notices) == 2
    assert "<|emotion:awe|>" in notices[0]


async def test_an_update_holds_from_the_next_segment():
    events, engine = Events(), EchoSynthesizer()
    session = SpeechSession(engine, speech_settings(), events.emit)
    running = asyncio.create_task(session.run())
    await session.add_text("One one. Two two")
    await events.until(AudioOut)
    session.update(SpeechUpdate(voice="other", speed=2.0))
    await session.finish()
    await running
    assert [(job.voice, job.speed) for job in engine.jobs] == [("tone", 1.0), ("other", 2.0)]


@pytest.mark.parametrize("num_turns", [0, 1, 200])
async def test_an_update_leaves_what_was_committed_before_it_alone_however_slow_the_engine(num_turns):
    events, engine = Events(), EchoSynthesizer()
    session = SpeechSession(engine, speech_settings(), events.emit)
    running = asyncio.create_task(session.run())
    await session.add_text("One one. Two two. Three")
    await session.flush()
    await session.add_text("Four four. Five five")
    for _ in range(num_turns):
        await asyncio.sleep(0)
    session.update(SpeechUpdate(voice="other"))
    await session.add_text(" five. Six six.")
    await session.finish()
    await running
    voices = {job.text: job.voice for job in engine.jobs}
    assert list(voices.values()) == ["tone"] * 4 + ["other"] * 2
    assert list(voices)[3:] == ["Four four.", "Five five five.", "Six six."]


async def test_audio_comes_before_the_text_is_complete():
    events = Events()
    session = SpeechSession(EchoSynthesizer(), speech_settings(), events.emit)
    running = asyncio.create_task(session.run())
    await session.add_text("First one. Then some")
    await events.until(AudioOut)
    await session.add_text(" more.")
    await session.finish()
    await running
    assert len(events.of(UtteranceEnded)) == 1


async def test_an_engine_error_surfaces_once_and_ends_the_session():
    events = Events()
    engine = ScriptedSynthesizer(SpeechScript(fail_at_chunk=2, fail_reason="ENGINE_FAILED"))
    session = SpeechSession(engine, speech_settings(), events.emit)
    await session.add_text("Hello. World. Again.")
    await session.finish()
    with pytest.raises(EngineFailed):
        await session.run()
    assert len(events.audio()) == 2 * CHUNK_SAMPLES * 2
    fade = np.abs(np.frombuffer(events.audio(), "<i2")[-RATE_HZ // 200 :].astype(int))
    assert fade[-1] == 0
    assert fade[-20:].max() < fade[:60].max() / 4, "the sound is cut there, but not abruptly"
    assert not events.of(UtteranceEnded, UtteranceCut)


class BreathlessSynthesizer(EchoSynthesizer):
    """Runs out of tokens in each segment."""

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        async for item in super().speak(job):
            yield item if isinstance(item, SpeechChunk) else replace(item, finish_reason="LENGTH")


async def test_speech_that_ran_out_of_tokens_fades_and_says_so():
    events = Events()
    session = SpeechSession(BreathlessSynthesizer(), speech_settings(), events.emit)
    await session.add_text("One two. Three.")
    await session.finish()
    await session.run()
    sound = np.abs(np.frombuffer(events.audio(), "<i2").astype(int))
    for end in (8 * CHUNK_SAMPLES, len(sound)):
        assert sound[end - 1] == 0
        assert (np.diff(sound[end - RATE_HZ // 200 : end]) <= 0).all(), "quieter and quieter for 5 ms"
    (ended,) = events.of(UtteranceEnded)
    assert (ended.finish_reason, ended.num_samples) == ("LENGTH", len(sound))


async def test_a_position_beyond_what_was_sent_is_refused():
    events = Events()
    session = SpeechSession(EchoSynthesizer(), speech_settings(), events.emit)
    running = asyncio.create_task(session.run())
    await session.add_text("Hello you. And then")
    await events.until(AudioOut)
    with pytest.raises(InvalidField, match=r"not 9999999"):
        await session.report_playback("u1", 9_999_999)
    await session.finish()
    await running


async def test_a_position_of_an_utterance_that_is_not_spoken_is_a_warning():
    events = Events()
    session = SpeechSession(EchoSynthesizer(), speech_settings(), events.emit)
    await session.report_playback("u7", 5)
    (notice,) = events.of(Notice)
    assert (notice.code, notice.field) == ("STALE_CONTROL", "playback_position.utterance_id")


async def test_text_waits_while_too_much_is_pending():
    events = Events()
    session = SpeechSession(EchoSynthesizer(), speech_settings(), events.emit, max_pending_characters=20)
    adding = asyncio.create_task(session.add_text("Long enough. To be too much. Really so. "))
    for _ in range(9):
        await asyncio.sleep(0)
    assert not adding.done()
    running = asyncio.create_task(session.run())
    await adding
    await session.finish()
    await running
    assert len(events.of(UtteranceEnded)) == 1


@pytest.mark.parametrize("changes", [{"commit": "FLUSH"}, {"segmentation": "NONE"}])
async def test_text_that_waits_for_a_flush_is_bounded(changes):
    events = Events()
    session = SpeechSession(EchoSynthesizer(), speech_settings(**changes), events.emit, max_pending_characters=100)
    with pytest.raises(TextTooLong) as caught:
        await session.add_text("Some words more. " * 100)
    assert "100 characters" in caught.value.message
    assert caught.value.field == "text"
