"""Silent tails: cut at one frame, which depends on the samples alone."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.engine.sequence import Finish
from antiphon_server.engine.silence import MAX_SILENT_FRAMES, keep_until_silent
from antiphon_server.engine.step_loop import StepLoop
from support.scripted_runner import SAMPLES_PER_FRAME, SILENT, ScriptedRunner, sound_of, speech_rows
from support.stepping import ask, assert_at_rest, run, submit

QUIET, LOUD = ((0, 0), (127, -128), (1, -1)), ((128, 0), (-129, 0), (127, 9000))


def frame(first, last):
    return struct.pack("<h", first) + bytes(2 * SAMPLES_PER_FRAME - 4) + struct.pack("<h", last)


def first_too_silent(are_silent, limit):
    """Frames before the cut, by the rule as it is stated; None without a cut."""
    run_length = 0
    for index, is_silent in enumerate(are_silent):
        run_length = run_length + 1 if is_silent else 0
        if run_length == limit:
            return index + 1
    return None


@given(st.lists(st.sampled_from(QUIET + LOUD), max_size=60), st.lists(st.integers(1, 25)), st.integers(1, 12))
@settings(deadline=None)
def test_the_cut_is_where_the_rule_says_however_the_samples_arrive(samples, arrivals, limit):
    pcm = b"".join(frame(*pair) for pair in samples)
    num_kept = num_silent = at = 0
    while at < len(samples) and num_silent < limit:
        size = arrivals.pop() if arrivals else 25
        kept, num_silent = keep_until_silent(pcm[at * 1920 : (at + size) * 1920], num_silent, limit)
        num_kept, at = num_kept + kept, at + size
    cut = first_too_silent([pair in QUIET for pair in samples], limit)
    assert num_kept == (len(samples) if cut is None else cut)
    assert (num_silent == limit) == (cut is not None)


def speech_with_pauses(pauses):
    """Rows that never end: a word of ten frames before each pause, and words for ever behind the last."""
    codes = [code for pause in pauses for code in [*range(1, 11), *[SILENT] * pause]]
    return [(code,) * 8 for code in codes + [7] * 400]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=4),
    st.sampled_from([1, 2]),
    st.integers(0, 12),
    st.lists(st.integers(1, 90), max_size=8),
)
@settings(deadline=None, max_examples=40)
def test_streamed_speech_is_cut_like_the_whole_of_it(pauses, lag, num_others, takes):
    rows, limit = speech_with_pauses(pauses), 30
    runner = ScriptedRunner(num_blocks=2000, max_sequences=16, max_lag=lag, script={1: rows})
    loop = StepLoop(runner, lambda: 0.0)
    ear = submit(loop, ask(1, max_rows=220, max_silent_frames=limit), is_slow=True)
    others = [submit(loop, ask(seed + 2, max_rows=60 + seed)) for seed in range(num_others)]
    for num_steps in takes:  # the reader takes what there is only now and then
        for _ in range(num_steps):
            loop.step()
        loop.note_delivered(ear.sequence, ear.sequence.num_undelivered)
    while not ear.ends:
        loop.note_delivered(ear.sequence, ear.sequence.num_undelivered)
        loop.step()
    run(loop)
    cut = first_too_silent([row[0] == SILENT for row in rows[:213]], limit)
    assert ear.num_frames == (213 if cut is None else cut)
    assert ear.ends == [Finish.LENGTH if cut is None else Finish.RUNAWAY]
    assert ear.pcm == sound_of(rows[: ear.num_frames])
    assert all(other.ends == [Finish.LENGTH] for other in others)
    assert_at_rest(loop)


def test_a_silent_tail_costs_no_rows_beyond_the_window_that_shows_it():
    rows = speech_with_pauses([])[:20] + [(SILENT,) * 8] * 2000
    loop = StepLoop(ScriptedRunner(num_blocks=700, script={1: rows}), lambda: 0.0)
    ear = submit(loop, ask(1, max_rows=2000))
    run(loop)
    assert ear.ends == [Finish.RUNAWAY]
    assert ear.num_frames == 20 + MAX_SILENT_FRAMES
    assert len(loop.runner.batches) < ear.num_frames + 25 + 10 + 7


def test_silence_goes_on_where_the_guard_is_switched_off():
    loop = StepLoop(ScriptedRunner(num_blocks=100, script={1: [(SILENT,) * 8] * 200}), lambda: 0.0)
    ear = submit(loop, ask(1, max_rows=200, max_silent_frames=None))
    run(loop)
    assert (ear.ends, ear.num_frames) == ([Finish.LENGTH], 193)


@pytest.mark.parametrize(("num_silent", "finish"), [(29, Finish.STOP), (30, Finish.STOP), (31, Finish.RUNAWAY)])
def test_speech_that_ends_at_the_limit_by_itself_was_not_cut(num_silent, finish):
    rows = [*[(5,) * 8] * 10, *[(SILENT,) * 8] * num_silent, *speech_rows(8)[8:]]
    loop = StepLoop(ScriptedRunner(script={1: rows}), lambda: 0.0)
    ear = submit(loop, ask(1, max_rows=100, max_silent_frames=30))
    run(loop)
    assert ear.ends == [finish]
    assert ear.num_frames == 10 + min(num_silent, 30)
