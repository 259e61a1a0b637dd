"""Words of partials that are settled while somebody speaks, and the promise that they stay."""

import asyncio
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.engine.protocol import (
    EngineInfo,
    HeardSegment,
    HeardWord,
    LeftOut,
    ListenJob,
    Transcript,
)
from antiphon_server.errors import EngineFailed
from antiphon_server.session import cadence
from antiphon_server.session.events import FinalHeard, PartialHeard
from antiphon_server.session.listening import ListeningSession
from support.scripted import ScriptedVoiceActivity, VoiceScript
from support.sessions import Events, listen_settings, silence, voice


class Teller:
    """Says what it is told to say of a job, by its number and its length in milliseconds."""

    def __init__(self, say: Callable[[int, int], str], *, delays: Sequence[int] = (0,), doubts: int = 0) -> None:
        self.jobs: list[ListenJob] = []
        self._say, self._delays, self._doubts = say, delays, doubts

    async def info(self) -> EngineInfo:
        return EngineInfo("teller", "0" * 64, "antiphon", "Apache-2.0", ("en",), 64, max_piece_ms=4_000)

    async def transcribe(self, job: ListenJob) -> Transcript:
        number, ms = len(self.jobs), len(job.pcm) // 32
        self.jobs.append(job)
        for _ in range(self._delays[number % len(self._delays)]):
            await asyncio.sleep(0)
        text = self._say(number, ms)
        words = tuple(HeardWord(word, 0, ms) for word in text.split()) if job.word_times else ()
        left_out = (LeftOut(0, ms, "UNSURE"),) if self._doubts and number % self._doubts == 0 else ()
        segments = (HeardSegment(text, 0, ms, words=words),) if text else ()
        return Transcript(segments, "en", None, 1.0, left_out)


class Babbler:
    """A live model that says anything, and may fail."""

    def __init__(self, chance: random.Random, *, fails: bool) -> None:
        self._chance, self._fails = chance, fails

    async def info(self) -> EngineInfo:
        return EngineInfo("babbler", "0" * 64, "antiphon", "Apache-2.0", ("en",), 64)

    async def open(self, language: str) -> "Babbler":
        return self

    async def push(self, pcm: bytes) -> str:
        await asyncio.sleep(0)
        if self._fails and self._chance.random() < 0.1:
            raise EngineFailed("scripted failure")
        return " ".join(self._chance.choices("abc", k=3))

    async def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def always_live(monkeypatch):
    """Audio that is fed faster than it would be spoken counts as spoken now."""
    monkeypatch.setattr(cadence, "_MAX_AHEAD_MS", 1e9)


def session(events: Events, teller: Teller, live: Babbler | None = None, **changes: object) -> ListeningSession:
    settings = listen_settings(**({"partial_interval_ms": 1} | changes))
    return ListeningSession(teller, ScriptedVoiceActivity(VoiceScript()), settings, events.emit, live)


async def feed(found: ListeningSession, pcm: bytes, *, piece_ms: int = 64, pause_s: float = 0.0011) -> None:
    for start in range(0, len(pcm), piece_ms * 32):
        await found.take(pcm[start : start + piece_ms * 32])
        await asyncio.sleep(pause_s)


def of_length(words: str, *, word_ms: int = 300) -> Callable[[int, int], str]:
    """Words, so many as fit."""
    return lambda _, ms: " ".join(words.split()[: ms // word_ms])


def assert_settled_words_stay(events: Events) -> None:
    for final in events.of(FinalHeard):
        settled = ""
        for heard in [one for one in events.of(PartialHeard) if one.utterance_index == final.utterance_index]:
            assert heard.text.startswith(settled)
            assert heard.num_settled_characters >= len(settled)
            settled = heard.text[: heard.num_settled_characters]
        assert final.text.startswith(settled)


async def test_words_before_a_pause_are_settled_once_they_are_repeated_with_more():
    events, teller = Events(), Teller(of_length("one two three four five six seven eight nine ten"))
    found = session(events, teller)
    await feed(found, voice(1_000) + silence(400) + voice(2_000))
    heard = events.of(PartialHeard)[-1]
    settled = heard.text[: heard.num_settled_characters]
    assert settled in {"one two three", "one two three four"}
    final = await found.flush()
    assert final.text.startswith(settled)
    assert [piece.end for piece in final.pieces] == ["PAUSE", "AUDIO"]
    assert final.pieces[0].engine_ms == 0, "a partial was good enough"
    assert final.pieces[0].end_ms <= final.pieces[1].start_ms < 1_400
    assert_settled_words_stay(events)
    await found.close()


async def test_words_that_change_with_what_follows_are_not_settled():
    events, teller = Events(), Teller(lambda _, ms: "I was in the." if ms < 1_700 else "I was in the house today.")
    found = session(events, teller)
    await feed(found, voice(1_000) + silence(400) + voice(2_000))
    final = await found.finish()
    assert {heard.num_settled_characters for heard in events.of(PartialHeard)} == {0}
    assert len(final.pieces) == 1


async def test_the_partial_of_the_last_pause_is_the_final_though_its_words_agree():
    events, teller = Events(), Teller(of_length("one two three four five six seven eight"))
    found = session(events, teller, partial_interval_ms=60_000)
    await feed(found, voice(1_000) + silence(400) + voice(1_600) + silence(400), pause_s=0)
    before = len(teller.jobs)
    final = await found.flush()
    assert len(teller.jobs) == before == 2
    assert len(final.pieces) == 1
    await found.close()


async def test_partials_of_two_pauses_are_enough_to_settle_the_words_before_the_first():
    events, teller = Events(), Teller(of_length("one two three four five six seven eight nine ten eleven twelve"))
    found = session(events, teller, partial_interval_ms=60_000)
    await feed(found, voice(1_000) + silence(400) + voice(1_600) + silence(400) + voice(400) + silence(400), pause_s=0)
    heard = events.of(PartialHeard)[-1]
    assert heard.text[: heard.num_settled_characters] == "one two three four"
    await found.finish()
    assert_settled_words_stay(events)


async def test_settled_words_have_times_where_they_were_asked_for():
    events, teller = Events(), Teller(of_length("one two three four five six seven eight nine ten"))
    found = session(events, teller, word_times=True)
    await feed(found, silence(960) + voice(1_000) + silence(400) + voice(2_000))
    final = await found.finish()
    first, second = final.segments
    assert [word.text for word in first.words] == ["one", "two", "three", "four", "five"]
    assert 600 <= first.words[0].start_ms < 960
    assert first.words[0].end_ms <= second.words[0].start_ms
    assert len([job for job in teller.jobs if not job.is_partial]) == 2
    assert_settled_words_stay(events)


@given(
    sounds=st.lists(st.tuples(st.booleans(), st.integers(2, 20)), min_size=2, max_size=8),
    seed=st.integers(0, 2**32),
    truth=st.floats(0, 1),
    delays=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    doubts=st.integers(0, 3),
    is_automatic=st.booleans(),
    word_times=st.booleans(),
    live=st.sampled_from(["", "sound", "failing"]),
)
async def test_settled_words_stay_whatever_the_models_say(
    sounds, seed, truth, delays, doubts, is_automatic, word_times, live
):
    chance = random.Random(seed)

    def say(_: int, ms: int) -> str:
        fitting = [f"w{number}" for number in range(ms // 200)]
        return " ".join(word if chance.random() < truth else chance.choice("abc") for word in fitting)

    events = Events()
    babbler = Babbler(chance, fails=live == "failing") if live else None
    changes = {"is_automatic": is_automatic, "word_times": word_times, "silence_ms": 500}
    found = session(events, Teller(say, delays=delays, doubts=doubts), babbler, **changes)
    for is_voice, length in sounds:
        await feed(found, (voice if is_voice else silence)(length * 64), pause_s=0.0003)
    await found.finish()
    assert_settled_words_stay(events)
