"""Long audio: pieces written down several at a time, in order, and nothing left under way."""

import asyncio

import pytest

from antiphon_server.engine.protocol import EngineInfo, HeardSegment, HeardWord, ListenJob, Transcript
from antiphon_server.errors import EngineFailed
from antiphon_server.session.events import FinalHeard
from antiphon_server.session.listening import ListeningSession
from support.scripted import ScriptedVoiceActivity, VoiceScript
from support.sessions import Events, listen_settings, silence, voice

LONGEST_MS = 10_000
AT_ONCE = 3


class Crew:
    """Writes pieces down when it is told to, and knows how many it is at."""

    def __init__(self, *, is_fluent: bool = False) -> None:
        """``is_fluent``: as much is written as is said in that time, so that nothing seems left out."""
        self.is_fluent = is_fluent
        self.jobs: list[ListenJob] = []
        self.waiting: dict[int, asyncio.Future[None]] = {}
        self.most = 0

    async def info(self) -> EngineInfo:
        return EngineInfo(
            "crew", "0" * 64, "us", "MIT", ("en",), 9, max_piece_ms=LONGEST_MS, num_pieces_at_once=AT_ONCE
        )

    async def transcribe(self, job: ListenJob) -> Transcript:
        number = len(self.jobs)
        self.jobs.append(job)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        self.most = max(self.most, len(self.waiting))
        try:
            await self.waiting[number]
        finally:
            del self.waiting[number]
        ms = len(job.pcm) // 32
        word = HeardWord(f"w{number}", 0, ms)
        text = word.text + " or so" * (ms // 300 if self.is_fluent else 0)
        return Transcript((HeardSegment(text, 0, ms, words=(word,)),), "en", None, engine_ms=1.0)


def session(events: Events, crew: Crew, **changes: object) -> ListeningSession:
    settings = listen_settings(**({"partial_interval_ms": 0, "word_times": True} | changes))
    return ListeningSession(crew, ScriptedVoiceActivity(VoiceScript()), settings, events.emit)


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_pieces_are_written_down_at_once_and_joined_in_order():
    events, crew = Events(), Crew()
    found = session(events, crew)
    taking = asyncio.create_task(found.take(voice(60_000)))
    while not taking.done():
        await turns()
        assert len(crew.waiting) <= AT_ONCE
        if len(crew.waiting) == AT_ONCE:
            crew.waiting[max(crew.waiting)].set_result(None)  # the newest first
    finishing = asyncio.create_task(found.finish())
    while not finishing.done():
        await turns()
        for future in crew.waiting.values():
            future.set_result(None)
    (final,) = events.of(FinalHeard)
    assert crew.most == AT_ONCE
    assert final.text == " ".join(f"w{number}" for number in range(len(crew.jobs)))
    starts = [segment.words[0].start_ms for segment in final.segments]
    assert starts == sorted(starts)
    assert [piece.start_ms for piece in final.pieces] == starts


async def test_audio_is_not_read_far_ahead_of_what_is_written_down():
    crew = Crew()
    found = session(Events(), crew)
    taking = asyncio.create_task(found.take(voice(120_000)))
    await turns()
    await asyncio.sleep(0.05)
    assert not taking.done()
    assert len(crew.waiting) == AT_ONCE
    assert found.audio_ms <= (AT_ONCE + 1) * LONGEST_MS + 1_000
    taking.cancel()
    await asyncio.wait([taking])
    await found.close()
    assert not crew.waiting


async def test_a_piece_that_fails_ends_the_others():
    crew = Crew()
    found = session(Events(), crew)
    await found.take(voice(25_000))
    await turns()
    assert len(crew.waiting) == 2
    flushing = asyncio.create_task(found.flush())
    await turns()
    crew.waiting[1].set_exception(EngineFailed("scripted failure"))
    with pytest.raises(EngineFailed):
        await flushing
    await turns()
    assert not crew.waiting
    await found.close()


async def test_a_cancelled_final_ends_its_pieces():
    crew = Crew()
    found = session(Events(), crew)
    await found.take(voice(25_000))
    flushing = asyncio.create_task(found.flush())
    await turns()
    assert len(crew.waiting) == 3
    flushing.cancel()
    await asyncio.wait([flushing])
    await turns()
    assert not crew.waiting
    await found.close()


async def test_dropped_audio_ends_its_pieces_and_the_next_utterance_has_its_own():
    events, crew = Events(), Crew()
    found = session(events, crew)
    await found.take(voice(25_000))
    await turns()
    found.clear()
    await turns()
    assert not crew.waiting
    await found.take(voice(1_000))
    flushing = asyncio.create_task(found.flush())
    await turns()
    crew.waiting[2].set_result(None)
    assert (await flushing).text == "w2"


async def test_pieces_are_as_long_as_the_engine_can_take_and_are_cut_in_pauses():
    events, crew = Events(), Crew(is_fluent=True)
    found = session(events, crew)
    writing = asyncio.create_task(written(found, (voice(2_500) + silence(400)) * 12))
    while not writing.done():
        await turns()
        for future in crew.waiting.values():
            future.set_result(None)
    final = await writing
    lengths = [len(job.pcm) // 32 for job in crew.jobs]
    assert max(lengths) <= LONGEST_MS
    assert len(lengths) == 4, "few pieces, well filled"
    assert [piece.end for piece in final.pieces] == ["LENGTH"] * 3 + ["AUDIO"]
    assert all(2_500 < piece.end_ms % 2_900 <= 2_900 or piece.end_ms % 2_900 == 0 for piece in final.pieces)


async def written(found: ListeningSession, pcm: bytes) -> FinalHeard:
    await found.take(pcm)
    final = await found.finish()
    assert final is not None
    return final


async def test_a_pause_ends_the_piece_of_an_utterance_that_ends_by_itself():
    events, crew = Events(), Crew()
    found = session(events, crew, is_automatic=True)
    taking = asyncio.create_task(found.take(voice(1_000) + silence(1_000)))
    await turns()
    crew.waiting[0].set_result(None)
    await taking
    (final,) = events.of(FinalHeard)
    assert [piece.end for piece in final.pieces] == ["PAUSE"]
    await found.close()


@pytest.mark.parametrize(("pause_ms", "has_times"), [(1_000, False), (5_000, True)])
async def test_a_piece_with_a_long_pause_is_timed_so_that_what_follows_the_pause_is_not_lost(pause_ms, has_times):
    crew = Crew(is_fluent=True)
    found = session(Events(), crew, word_times=False)
    writing = asyncio.create_task(written(found, voice(2000) + silence(pause_ms) + voice(2000)))
    while not writing.done():
        await turns()
        for future in crew.waiting.values():
            future.set_result(None)
    assert [job.segment_times for job in crew.jobs] == [has_times]
