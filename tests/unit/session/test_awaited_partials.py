"""Partials that somebody waits for: which are as urgent as finals, and which a final does not wait for."""

import asyncio

from antiphon_server.engine.protocol import EngineInfo, HeardSegment, ListenJob, Transcript
from antiphon_server.session.events import PartialHeard
from antiphon_server.session.listening import ListeningSession
from support.scripted import ScriptedVoiceActivity, VoiceScript
from support.sessions import Events, listen_settings, silence, voice


class BusyTranscriber:
    """Never gets to partials that nobody waits for, as where others' finals keep a model busy."""

    def __init__(self) -> None:
        self.jobs: list[ListenJob] = []

    async def info(self) -> EngineInfo:
        return EngineInfo("busy", "0" * 64, "antiphon", "Apache-2.0", ("en",), 64)

    async def transcribe(self, job: ListenJob) -> Transcript:
        self.jobs.append(job)
        if job.is_partial and not job.is_likely_final:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return Transcript((HeardSegment("words", 0, len(job.pcm) // 32),), "en", None, engine_ms=1.0)


def session(transcriber: BusyTranscriber, events: Events, **changes: object) -> ListeningSession:
    return ListeningSession(transcriber, ScriptedVoiceActivity(VoiceScript()), listen_settings(**changes), events.emit)


async def test_a_final_does_not_wait_for_a_partial_that_others_hold_up():
    events, transcriber = Events(), BusyTranscriber()
    found = session(transcriber, events, partial_interval_ms=1)
    await asyncio.sleep(0.005)
    await found.take(voice(800))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert (await found.flush()).text == "words"
    assert [(job.is_partial, job.is_likely_final) for job in transcriber.jobs] == [(True, False), (False, False)]
    await found.close()


async def test_a_partial_in_a_pause_is_as_urgent_as_the_final_that_it_may_become():
    events, transcriber = Events(), BusyTranscriber()
    found = session(transcriber, events, partial_interval_ms=60_000)
    for _ in range(20):
        await found.take(voice(40))
    for _ in range(10):
        await found.take(silence(40))
    await events.until(PartialHeard)
    assert (await found.flush()).text == "words"
    assert [(job.is_partial, job.is_likely_final) for job in transcriber.jobs] == [(True, True)]
    await found.close()


async def test_a_partial_that_can_be_no_final_waits_with_the_others():
    events, transcriber = Events(), BusyTranscriber()
    found = session(transcriber, events, partial_interval_ms=60_000, word_times=True)
    for pcm in [voice(40)] * 20 + [silence(40)] * 10:
        await found.take(pcm)
    await asyncio.sleep(0.01)
    assert [(job.is_partial, job.is_likely_final) for job in transcriber.jobs] == [(True, False)]
    await found.close()


async def test_half_a_word_is_not_written_down_on_trial():
    events, transcriber = Events(), BusyTranscriber()
    found = session(transcriber, events, partial_interval_ms=1)
    await asyncio.sleep(0.005)
    for _ in range(10):
        await found.take(voice(40))
    assert not transcriber.jobs
    for _ in range(5):
        await found.take(voice(40))
    await asyncio.sleep(0)
    assert len(transcriber.jobs) == 1
    await found.close()


class QueuedTranscriber(BusyTranscriber):
    """Has others before everybody."""

    async def transcribe(self, job: ListenJob) -> Transcript:
        self.jobs.append(job)
        await asyncio.sleep(0.35)
        return Transcript((HeardSegment("words", 0, len(job.pcm) // 32),), "en", None, engine_ms=1.0)


async def test_where_finals_wait_for_each_other_a_pause_is_not_written_down_on_trial():
    events, transcriber = Events(), QueuedTranscriber()
    found = session(transcriber, events, partial_interval_ms=60_000)
    for _ in range(2):
        for pcm in [voice(40)] * 15 + [silence(40)] * 6:
            await found.take(pcm)
        await found.flush()
    assert [(job.is_partial, job.is_likely_final) for job in transcriber.jobs] == [(True, True), (False, False)]
    await found.close()


async def test_a_partial_that_others_hold_up_makes_way_for_one_that_may_be_the_final():
    events, transcriber = Events(), BusyTranscriber()
    found = session(transcriber, events, partial_interval_ms=1)
    await asyncio.sleep(0.005)
    for pcm in [voice(800)] + [silence(40)] * 10:
        await found.take(pcm)
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert (await found.flush()).text == "words"
    assert [(job.is_partial, job.is_likely_final) for job in transcriber.jobs] == [(True, False), (True, True)]
    await found.close()
