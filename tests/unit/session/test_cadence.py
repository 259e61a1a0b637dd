"""A caller whose partials come much more seldom than asked is told so once, and nobody else is."""

import asyncio

from antiphon_server.session.events import Notice, PartialHeard
from antiphon_server.session.listening import ListeningSession
from support.scripted import ListenScript, ScriptedTranscriber, ScriptedVoiceActivity, VoiceScript
from support.sessions import Events, listen_settings, voice

NUMBERS = ("one", "one two", "one two three", "one two three four")


def session(events, *, delay_ms, interval_ms):
    return ListeningSession(
        ScriptedTranscriber(ListenScript(NUMBERS, delay_ms=delay_ms)),
        ScriptedVoiceActivity(VoiceScript()),
        listen_settings(partial_interval_ms=interval_ms),
        events.emit,
    )


async def told(*, delay_ms, interval_ms):
    """Speak as time goes by, until there are three partials; returns the codes of the notices."""
    events = Events()
    found = session(events, delay_ms=delay_ms, interval_ms=interval_ms)
    for number in range(1, 4):
        await asyncio.sleep(1.1 * interval_ms / 1000)
        await found.take(voice(600))
        await events.until(PartialHeard, number)
    await found.finish()
    return [notice.code for notice in events.of(Notice)]


async def test_partials_that_take_twice_the_interval_are_told_once():
    assert await told(delay_ms=30, interval_ms=10) == ["CADENCE_STRETCHED"]


async def test_partials_that_come_as_asked_are_not_spoken_of():
    assert await told(delay_ms=0, interval_ms=300) == []


async def test_audio_that_comes_faster_than_it_is_spoken_says_nothing_of_a_busy_model():
    events = Events()
    found = session(events, delay_ms=30, interval_ms=10)
    await found.take(voice(3_000))
    await asyncio.sleep(0.02)
    await found.take(voice(3_000))
    await events.until(PartialHeard)
    await found.finish()
    assert not events.of(Notice)
