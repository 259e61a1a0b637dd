"""Which windows are decoded first, and how many in a step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.engine.codec_queue import CodecQueue
from antiphon_server.engine.sequence import Finish, Sequence
from antiphon_server.engine.step_loop import StepLoop
from support.scripted_runner import ScriptedRunner, speech_rows
from support.stepping import Clock, ask, assert_at_rest, run, submit


def sequence(number, *, dry_at=None, due_at=None):
    one = Sequence(ask(number, due_at=due_at), number)
    if dry_at is not None:
        one.player.dry_at = dry_at
    return one


def order_of(*sequences, num_running=1000):
    queue = CodecQueue()
    for one in sequences:
        queue.add(one)
    return [one.number for one in queue.choose(num_running)]


def test_who_has_no_sound_yet_comes_first_then_who_runs_dry_first():
    assert order_of(sequence(1, dry_at=5.0), sequence(2, dry_at=4.0), sequence(3)) == [3, 2, 1]


def test_among_equals_the_first_deadline_decides_then_age():
    late, soon, never, older = sequence(5, due_at=9.0), sequence(6, due_at=3.0), sequence(7), sequence(4)
    assert order_of(late, never, soon, older) == [6, 5, 4, 7]


@pytest.mark.parametrize(("num_running", "most"), [(1, 2), (16, 2), (17, 3), (64, 8), (256, 32)])
def test_a_step_decodes_an_eighth_of_the_running_streams_at_most(num_running, most):
    assert order_of(*map(sequence, range(100)), num_running=num_running) == list(range(most))


def test_whoever_was_let_go_is_not_chosen():
    queue, one = CodecQueue(), sequence(1)
    queue.add(one)
    queue.discard(one)
    queue.discard(one)
    assert queue.choose(8) == []


class CountingRunner(ScriptedRunner):
    def __init__(self, **how):
        super().__init__(**how)
        self.calls = []

    def decode_windows(self, parts):
        self.calls.append([part.rows[0][0] for part in parts])
        return super().decode_windows(parts)


def test_a_burst_is_spread_over_steps_and_a_newcomer_passes_it():
    runner = CountingRunner(num_blocks=2000, max_sequences=40, script={99: [(777,) * 8] * 300})
    clock = Clock()
    loop = StepLoop(runner, clock)
    crowd = [submit(loop, ask(seed, max_rows=120), is_slow=True) for seed in range(32)]
    while not all(ear.num_frames >= 55 for ear in crowd):  # by then every reader holds its stream
        clock.now += 0.002
        loop.step()
    for ear in crowd:
        ear.is_slow = False
        loop.note_delivered(ear.sequence, ear.sequence.num_undelivered)
    for _ in range(7):  # their next windows are due after 25 rows, a newcomer's first is after 18 and the prompt's
        loop.step()
    runner.calls.clear()
    newcomer = submit(loop, ask(99, max_rows=120))
    while not newcomer.pcm:
        loop.step()
    assert runner.calls[0][0] == 777
    assert len(runner.calls[0]) == 5
    run(loop)
    assert max(map(len, runner.calls)) <= 5
    assert all(ear.ends == [Finish.LENGTH] for ear in crowd)
    assert_at_rest(loop)


@given(st.lists(st.integers(8, 200), min_size=1, max_size=30), st.sampled_from([1, 2]))
def test_the_bound_puts_windows_off_but_changes_no_sample_and_nobody_is_forgotten(lengths, lag):
    script = {seed: speech_rows(length) for seed, length in enumerate(lengths)}
    runner = ScriptedRunner(num_blocks=4000, max_sequences=32, max_lag=lag, script=script)
    loop = StepLoop(runner, lambda: 0.0)
    ears = [submit(loop, ask(seed, max_rows=250)) for seed in script]
    run(loop)
    assert [ear.ends for ear in ears] == [[Finish.STOP]] * len(ears)
    assert [ear.pcm[:: 2 * 960] for ear in ears] == [bytes(range(length)) for length in lengths]
    assert_at_rest(loop)
