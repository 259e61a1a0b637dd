"""What the loop says of itself, held to what a scripted runner with a clock makes it do."""

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.engine.codec_plan import windows
from antiphon_server.engine.figures import Histogram
from antiphon_server.engine.sequence import MAX_UNDELIVERED_SAMPLES, Finish
from antiphon_server.engine.step_loop import StepLoop
from support.scripted_runner import STOPPED, ScriptedRunner, speech_rows
from support.stepping import Clock, TimedRunner, ask, run, submit


def timed_loop(**how):
    clock = Clock()
    return StepLoop(TimedRunner(clock, **how), clock)


@given(st.lists(st.floats(0, 20)))
def test_every_observation_is_in_the_range_that_ends_at_or_above_it(values):
    histogram = Histogram((1.0, 5.0, 10.0))
    for value in values:
        histogram.observe(value)
    read = histogram.read()
    ends = (-1.0, 1.0, 5.0, 10.0, 20.0)
    assert read.counts == tuple(sum(low < value <= high for value in values) for low, high in itertools.pairwise(ends))
    assert read.total == pytest.approx(sum(values))


@pytest.mark.parametrize("lag", [1, 2])
def test_one_sequence_is_counted_to_the_row_and_to_the_millisecond(lag):
    loop = timed_loop(max_lag=lag, block_size=4, script={1: speech_rows(60)})
    submit(loop, ask(1, max_rows=100, prompt=tuple(range(10)), num_prefix=9))
    run(loop)
    stats = loop.stats()
    counters, times = stats.counters, stats.distributions
    assert counters["prefills"] == times["prefill_ms"].counts[8] == 2
    assert times["prefill_ms"].total == pytest.approx(20)
    assert counters["rows"] == 1 + times["batch_rows"].counts[0] == 67
    assert counters["codec_windows"] == len(list(windows(60)))
    assert counters["sequences_stop"] == 1
    assert counters["steps"] == sum(times["step_ms"].counts)
    assert times["step_ms"].total == pytest.approx(2 * 10 + 66 * 2 + counters["codec_windows"] * 5)
    assert times["first_audio_ms"].total == pytest.approx(2 * 10 + (18 + lag - 1) * 2 + 5)
    assert times["queue_ms"].total == 0
    assert counters["underrun_seconds"] == 0
    assert (counters["prefix_positions"], counters["prefix_hit_positions"]) == (8, 0)
    assert (stats.gauges["blocks_held"], stats.gauges["blocks_free"], stats.gauges["blocks_cached"]) == (0, 62, 2)


def test_a_cached_prefix_is_counted_as_hit():
    loop = timed_loop(block_size=4)
    for _ in range(3):
        submit(loop, ask(prompt=tuple(range(10)), num_prefix=9, max_rows=9))
        run(loop)
    counters = loop.stats().counters
    assert (counters["prefix_positions"], counters["prefix_hit_positions"]) == (24, 16)


def test_whoever_waits_for_a_place_is_counted_until_it_has_one():
    loop = timed_loop(max_sequences=1)
    for _ in range(3):
        submit(loop, ask(max_rows=9))
    assert loop.stats().gauges["waiting"] == 3
    loop.step()
    assert (loop.stats().gauges["running"], loop.stats().gauges["waiting"]) == (1, 2)
    run(loop)
    stays_ms = 10 + 8 * 2 + 5
    assert loop.stats().distributions["queue_ms"].total == pytest.approx(0 + stays_ms + 2 * stays_ms)
    assert loop.stats().counters["sequences_length"] == 3


@pytest.mark.parametrize("row_s", [0.030, 0.060])
def test_a_player_starves_when_rows_come_slower_than_it_plays(row_s):
    loop = timed_loop(row_s=row_s, prefill_s=0.0, codec_s=0.0)
    submit(loop, ask(max_rows=207))
    run(loop)
    heard_until = starved_s = 0.0
    for window in windows(200):
        ready_at = row_s * (min(207, window.last + 7) - 1)
        starved_s += max(0.0, ready_at - heard_until) if window.begin else 0.0
        heard_until = max(heard_until, ready_at) + (window.end - window.begin) * 0.040
    assert loop.stats().counters["underrun_seconds"] == pytest.approx(starved_s)
    assert (starved_s > 0.5) == (row_s > 0.040)


def test_a_reader_that_does_not_take_is_no_starving_player():
    loop = timed_loop()
    slow = submit(loop, ask(max_rows=207), is_slow=True)
    while slow.sequence.num_undelivered <= MAX_UNDELIVERED_SAMPLES:
        loop.step()
    loop.clock.now += 60.0
    slow.is_slow = False
    loop.note_delivered(slow.sequence, slow.sequence.num_undelivered)
    run(loop)
    assert slow.ends == [Finish.LENGTH]
    assert loop.stats().counters["underrun_seconds"] == 0


def test_every_end_has_its_counter():
    loop = timed_loop(max_sequences=8, script={1: [STOPPED], 2: [(-2,) * 8], 3: speech_rows(20)})
    submit(loop, ask(3))
    submit(loop, ask(2))
    submit(loop, ask(9, max_rows=30, length_finish=Finish.RUNAWAY))
    loop.cancel(submit(loop, ask(8)).sequence)
    submit(loop, ask(7, due_at=0.5, max_rows=200))
    run(loop)
    ends = {name: number for name, number in loop.stats().counters.items() if name.startswith("sequences_")}
    assert ends == {
        "sequences_stop": 1,
        "sequences_length": 0,
        "sequences_runaway": 1,
        "sequences_cancelled": 1,
        "sequences_deadline": 1,
        "sequences_failed": 1,
    }


def test_figures_can_be_read_while_the_loop_runs():
    loop = StepLoop(ScriptedRunner(num_blocks=400, max_sequences=16), lambda: 0.0)
    steps_seen, is_over = [], threading.Event()

    def read():
        while not is_over.is_set():
            stats = loop.stats()
            assert stats.gauges["running"] + stats.gauges["waiting"] <= 30
            steps_seen.append(stats.counters["steps"])

    reader = threading.Thread(target=read)
    reader.start()
    for seed in range(30):
        submit(loop, ask(seed, max_rows=80, caller=seed))
    run(loop)
    is_over.set()
    reader.join()
    assert steps_seen == sorted(steps_seen)
    assert loop.stats().counters["sequences_length"] == 30
