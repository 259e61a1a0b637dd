"""Sentences that a model leaves out when it hears several at once: each is heard alone, and written down."""

import dataclasses

import numpy as np
import pytest

from antiphon_server.engine.protocol import EngineInfo, HeardSegment, LeftOut, ListenJob, Transcript
from support.sessions import heard, silence, voice

SENTENCE = "Nine words are what somebody says in three seconds."
SECOND = voice(3_000) + silence(1_000)


@dataclasses.dataclass
class Forgetful:
    """Writes a text for the voice that it hears without a pause, and one for all else."""

    alone: str
    together: str
    left_out: tuple[LeftOut, ...] = ()
    jobs: list[ListenJob] = dataclasses.field(default_factory=list)

    async def info(self) -> EngineInfo:
        return EngineInfo("forgetful", "0" * 64, "us", "MIT", ("en",), 9)

    async def transcribe(self, job: ListenJob) -> Transcript:
        self.jobs.append(job)
        loud = np.flatnonzero(np.frombuffer(job.pcm, "<i2"))
        begin_ms, end_ms = (int(at) // 16 for at in (loud[0], loud[-1]))
        is_alone = np.diff(loud).max() < 16 * 300
        segment = HeardSegment(self.alone if is_alone else self.together, begin_ms, end_ms)
        return Transcript((segment,), "en", None, engine_ms=1.0, left_out=() if is_alone else self.left_out)


async def test_sentence_that_is_said_twice_stands_twice_each_at_its_time():
    model = Forgetful(SENTENCE, SENTENCE)
    final, notices = await heard(model, silence(500) + SECOND * 2)
    assert (final.text, notices) == (f"{SENTENCE} {SENTENCE}", [])
    times = [(segment.start_ms, segment.end_ms) for segment in final.segments]
    assert times == [
        (pytest.approx(500, abs=70), pytest.approx(3_500, abs=70)),
        (pytest.approx(4_500, abs=70), pytest.approx(7_500, abs=70)),
    ]
    [check] = final.pieces[0].checks
    assert (check.name, check.limit, check.value < 8) == ("letters_per_s", 10.0, True)
    assert final.times.engine_ms == len(model.jobs) == 3
    assert [job.language for job in model.jobs] == ["", "en", "en"]


async def test_loop_that_was_really_said_is_no_loop():
    model = Forgetful(SENTENCE, SENTENCE * 2, (LeftOut(4_000, 15_000, "REPETITION"),))
    final, notices = await heard(model, SECOND * 4)
    assert final.text == " ".join([SENTENCE] * 4)
    assert notices == []


async def test_somebody_who_speaks_slowly_costs_one_part_more():
    model = Forgetful("Two words.", "Two words. Two words. Two words.")
    final, notices = await heard(model, SECOND * 3)
    assert (final.text, notices, len(model.jobs)) == (model.together, [], 2)
    assert final.times.engine_ms == 2


@pytest.mark.parametrize(
    ("together", "pcm"),
    [
        (f"{SENTENCE} {SENTENCE}", SECOND * 2),
        (SENTENCE, voice(6_000)),
        (SENTENCE, voice(3_000) + silence(200) + voice(3_000)),
    ],
    ids=["enough words", "no pause", "too short a pause"],
)
async def test_what_is_whole_or_has_no_parts_is_heard_once(together, pcm):
    model = Forgetful(together, together)
    final, _ = await heard(model, pcm)
    assert (final.text, len(model.jobs)) == (together, 1)


async def test_however_many_pauses_there_are_the_parts_are_bounded():
    model = Forgetful("One two three four five six.", "One two three four.")
    final, _ = await heard(model, (voice(600) + silence(500)) * 24)
    assert len(final.text.split()) >= 12
    assert len(model.jobs) == 1 + 12
