"""Cancelling at any moment: one terminal an utterance, nothing after it, and numbers that can be true."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.session.events import AudioOut, Notice, UtteranceBegan, UtteranceCut, UtteranceEnded
from antiphon_server.session.speaking import SpeechSession
from support.scripted import ScriptedSynthesizer, SpeechScript
from support.sessions import CHUNK_SAMPLES, EchoSynthesizer, Events, speech_settings

PARTS = ["Hello. You two.", "\f", "And me", "\f", "Bye", "\f"]
SEGMENT_ENDS = {"u1": (6 * CHUNK_SAMPLES, 14 * CHUNK_SAMPLES), "u2": (6 * CHUNK_SAMPLES,), "u3": (3 * CHUNK_SAMPLES,)}
"""Where the sound ends by itself: a character is a chunk."""


def check(events: Events) -> None:
    ended: set[str] = set()
    for event in events:
        if isinstance(event, Notice):
            continue
        assert event.utterance_id not in ended, "nothing follows an utterance's terminal"
        if isinstance(event, UtteranceCut | UtteranceEnded):
            ended.add(event.utterance_id)
        if isinstance(event, UtteranceCut):
            assert event.samples_generated >= event.samples_sent >= event.samples_played >= 0
            sent = [out for out in events.of(AudioOut) if out.utterance_id == event.utterance_id]
            assert event.samples_sent == sum(out.num_samples for out in sent)
            assert event.engine_stopped_after_ms >= 0
            if sent and event.samples_sent not in SEGMENT_ENDS[event.utterance_id]:
                assert sent[-1].data.endswith(b"\0\0"), "what is cut ends in silence"
    assert {event.utterance_id for event in events.of(UtteranceBegan)} <= ended


async def cancel_at(
    index: int, utterance_id: str, *, while_written: bool, times: int
) -> tuple[Events, EchoSynthesizer]:
    events, engine = Events(), EchoSynthesizer()
    session = SpeechSession(engine, speech_settings(), events.emit)
    for part in PARTS:
        await (session.flush() if part == "\f" else session.add_text(part))
    reached = asyncio.Event()

    async def watch(number: int) -> None:
        is_over = len(events.of(UtteranceCut, UtteranceEnded)) == PARTS.count("\f")
        if (number >= index or is_over) and not reached.is_set():
            reached.set()
            if while_written:
                for _ in range(3):
                    await asyncio.sleep(0)

    async def cancel() -> None:
        await reached.wait()
        for _ in range(times):
            await session.cancel(utterance_id)
        await session.finish()

    events.watch = watch
    cancelling = asyncio.create_task(cancel())
    running = asyncio.create_task(session.run())
    await asyncio.wait_for(asyncio.gather(running, cancelling), 5)
    return events, engine


@given(st.integers(0, 45), st.sampled_from(["", "u1", "u2", "u3", "u9"]), st.booleans(), st.integers(1, 3))
def test_a_cancel_at_any_event_leaves_one_terminal_each_and_nothing_behind(index, utterance_id, while_written, times):
    events, engine = asyncio.run(cancel_at(index, utterance_id, while_written=while_written, times=times))
    check(events)
    assert engine.num_open == 0
    terminals = [event.utterance_id for event in events.of(UtteranceCut, UtteranceEnded)]
    assert sorted(terminals) == ["u1", "u2", "u3"]
    assert len(events.of(UtteranceCut)) + len(events.of(Notice)) >= 1, "every cancel is answered"


async def test_after_a_cancel_new_text_is_a_new_utterance():
    events = Events()
    session = SpeechSession(EchoSynthesizer(), speech_settings(), events.emit)
    running = asyncio.create_task(session.run())
    await session.add_text("Hello there. And so")
    await events.until(AudioOut)
    await session.cancel()
    await session.add_text("More.")
    await session.finish()
    await running
    check(events)
    (cut,), (ended,) = events.of(UtteranceCut), events.of(UtteranceEnded)
    assert (cut.utterance_id, ended.utterance_id) == ("u1", "u2")


async def test_a_cancel_frees_an_engine_that_makes_nothing():
    events = Events()
    session = SpeechSession(ScriptedSynthesizer(SpeechScript(wait_at_chunk=1)), speech_settings(), events.emit)
    running = asyncio.create_task(session.run())
    await session.add_text("Hello there. And so")
    await events.until(AudioOut)
    await session.cancel("u1")
    cut = await events.until(UtteranceCut)
    assert cut.engine_stopped_after_ms < 1000
    await session.finish()
    await running
    check(events)


async def test_a_receipt_says_what_was_heard_up_to_the_reported_sample():
    events = Events()
    session = SpeechSession(EchoSynthesizer(), speech_settings(), events.emit)
    running = asyncio.create_task(session.run())
    await session.add_text("One two. Three four. Five six")
    await events.until(AudioOut, 12)
    first = events.of(AudioOut)[:9]
    await session.report_playback("u1", sum(out.num_samples for out in first))
    await session.cancel()
    cut = await events.until(UtteranceCut)
    assert (cut.text_spoken, cut.estimated) == ("One two.", False)
    assert cut.samples_played == sum(out.num_samples for out in first)
    await session.finish()
    await running


async def test_a_cancel_with_nothing_there_is_a_warning():
    events = Events()
    session = SpeechSession(EchoSynthesizer(), speech_settings(), events.emit)
    await session.cancel()
    await session.cancel("u1")
    assert [event.code for event in events] == ["STALE_CONTROL", "STALE_CONTROL"]
