"""The step loop with a scripted runner: every sequence ends once, nothing leaks, nobody starves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.engine.sequence import MAX_UNDELIVERED_SAMPLES, Finish
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.errors import ContextOverflow, EngineFailed, Overloaded
from support.scripted_runner import SAMPLES_PER_FRAME, ScriptedRunner, speech_rows
from support.stepping import ask, assert_at_rest, run, submit


@pytest.mark.parametrize("lag", [1, 2])
def test_speech_that_ends_by_itself_is_whole(lag):
    loop = StepLoop(ScriptedRunner(max_lag=lag, script={7: speech_rows(20)}), lambda: 0.0)
    ear = submit(loop, ask(7))
    run(loop)
    assert ear.ends == [Finish.STOP]
    assert ear.num_frames == 20
    assert ear.pcm[:: 2 * SAMPLES_PER_FRAME] == bytes(range(20))
    assert_at_rest(loop)


@pytest.mark.parametrize("lag", [1, 2])
@pytest.mark.parametrize(
    ("finish", "max_rows"), [(Finish.LENGTH, 40), (Finish.RUNAWAY, 9), (Finish.LENGTH, 3), (Finish.LENGTH, 1)]
)
def test_reaching_the_row_cap_says_so(lag, finish, max_rows):
    loop = StepLoop(ScriptedRunner(max_lag=lag), lambda: 0.0)
    ear = submit(loop, ask(max_rows=max_rows, length_finish=finish))
    run(loop)
    assert ear.ends == [finish]
    assert ear.num_frames == max(0, max_rows - 7)
    assert_at_rest(loop)


@pytest.mark.parametrize("lag", [1, 2])
@pytest.mark.parametrize(("max_rows", "finish"), [(26, Finish.LENGTH), (27, Finish.STOP), (28, Finish.STOP)])
def test_a_cap_that_cuts_frames_off_an_end_is_what_ended_the_speech(lag, max_rows, finish):
    loop = StepLoop(ScriptedRunner(max_lag=lag, script={7: speech_rows(20)}), lambda: 0.0)
    ear = submit(loop, ask(7, max_rows=max_rows))
    run(loop)
    assert ear.ends == [finish]
    assert ear.num_frames == min(20, max_rows - 7)
    assert_at_rest(loop)


def test_an_end_sign_in_the_first_eight_rows_does_not_count():
    rows = [(1025,) * 8] * 8 + speech_rows(20)[8:]
    loop = StepLoop(ScriptedRunner(script={1: rows}), lambda: 0.0)
    ear = submit(loop, ask(1))
    run(loop)
    assert ear.num_frames == 20


@given(st.integers(0, 60), st.sampled_from([1, 2]))
@settings(deadline=None, max_examples=60)
def test_cancelling_at_any_step_ends_once_and_leaks_nothing(num_steps, lag):
    loop = StepLoop(ScriptedRunner(max_lag=lag, max_sequences=2), lambda: 0.0)
    ears = [submit(loop, ask(seed, max_rows=30)) for seed in range(3)]
    for _ in range(num_steps):
        loop.step()
    for ear in ears:
        loop.cancel(ear.sequence)
        loop.cancel(ear.sequence)
    run(loop)
    assert all(len(ear.ends) == 1 for ear in ears)
    assert_at_rest(loop)


def test_a_cancelled_sequence_computes_nothing_after_the_next_step():
    loop = StepLoop(ScriptedRunner(), lambda: 0.0)
    ear = submit(loop, ask(max_rows=40))
    for _ in range(10):
        loop.step()
    loop.cancel(ear.sequence)
    loop.step()
    num_batches = len(loop.runner.batches)
    run(loop)
    assert len(loop.runner.batches) == num_batches
    assert ear.ends == [Finish.CANCELLED]


def test_a_passed_deadline_ends_running_and_waiting_alike():
    now = [0.0]
    loop = StepLoop(ScriptedRunner(max_sequences=1), lambda: now[0])
    ears = [submit(loop, ask(due_at=1.0)) for _ in range(2)]
    loop.step()
    now[0] = 1.0
    run(loop)
    assert [ear.ends for ear in ears] == [[Finish.DEADLINE]] * 2
    assert_at_rest(loop)


def test_each_deadline_ends_its_own_sequence():
    now = [0.0]
    loop = StepLoop(ScriptedRunner(num_blocks=400), lambda: now[0])
    ears = [submit(loop, ask(due_at=due_at, max_rows=300)) for due_at in (2.0, 1.0, None)]
    for now[0] in (0.5, 1.5, 2.5):
        loop.step()
        assert [len(ear.ends) for ear in ears] == [now[0] > 2.0, now[0] > 1.0, False]
        assert loop.deadline_in_s() == {0.5: 0.5, 1.5: 0.5, 2.5: None}[now[0]]


def test_a_reader_that_takes_nothing_makes_its_sequence_wait_and_no_other():
    loop = StepLoop(ScriptedRunner(num_blocks=400), lambda: 0.0)
    slow, quick = submit(loop, ask(max_rows=300), is_slow=True), submit(loop, ask(max_rows=300))
    for _ in range(600):
        loop.step()
    assert quick.ends == [Finish.LENGTH]
    assert not slow.ends
    held = slow.sequence.num_undelivered
    assert MAX_UNDELIVERED_SAMPLES < held <= MAX_UNDELIVERED_SAMPLES + 45 * SAMPLES_PER_FRAME
    slow.is_slow = False
    loop.note_delivered(slow.sequence, held)
    run(loop)
    assert slow.num_frames == 293


def test_a_caller_with_many_sequences_does_not_keep_another_waiting():
    loop = StepLoop(ScriptedRunner(max_sequences=2, num_blocks=100), lambda: 0.0)
    for seed in range(10):
        submit(loop, ask(seed, caller="crowd", max_rows=20))
    submit(loop, ask(99, caller="single", max_rows=20))
    run(loop)
    assert loop.runner.begun.index(99) <= 2


def test_callers_take_turns_where_there_are_fewer_slots_than_callers():
    loop = StepLoop(ScriptedRunner(max_sequences=1, num_blocks=100), lambda: 0.0)
    for seed in range(9):
        submit(loop, ask(seed, caller=seed // 3, max_rows=20))
    run(loop)
    assert [seed // 3 for seed in loop.runner.begun] == [0, 1, 2] * 3


def test_a_shared_prefix_is_computed_once_and_cut_in_the_same_place():
    loop = StepLoop(ScriptedRunner(block_size=4), lambda: 0.0)
    prompt = tuple(range(20))
    for _ in range(2):
        submit(loop, ask(prompt=prompt, num_prefix=11, max_rows=9))
        run(loop)
    spans = [(part.first, part.first + len(part.positions)) for part in loop.runner.prefills]
    assert spans == [(0, 8), (8, 20), (8, 20)]


def test_a_prefix_of_which_only_the_beginning_is_cached_is_computed_again():
    loop = StepLoop(ScriptedRunner(block_size=4), lambda: 0.0)
    for num_prefix in (4, 8, 8):
        submit(loop, ask(prompt=tuple(range(10)), num_prefix=num_prefix, max_rows=9))
        run(loop)
    spans = [(part.first, part.first + len(part.positions)) for part in loop.runner.prefills]
    assert spans == [(0, 4), (4, 10), (0, 8), (8, 10), (8, 10)]


def test_a_prompt_that_is_all_prefix_leaves_something_to_draw_behind():
    loop = StepLoop(ScriptedRunner(block_size=4), lambda: 0.0)
    for _ in range(2):
        ear = submit(loop, ask(prompt=tuple(range(8)), num_prefix=8, max_rows=9))
        run(loop)
        assert ear.ends == [Finish.LENGTH]
    assert [part.first for part in loop.runner.prefills] == [0, 4, 4]


def test_what_can_never_fit_is_refused_with_the_numbers():
    loop = StepLoop(ScriptedRunner(num_blocks=8, block_size=4), lambda: 0.0)
    with pytest.raises(ContextOverflow, match="32 positions: 5 and at most 40 rows"):
        submit(loop, ask())


def test_a_full_waiting_room_refuses_at_once():
    loop = StepLoop(ScriptedRunner(), lambda: 0.0, max_waiting=2)
    for _ in range(2):
        submit(loop, ask())
    with pytest.raises(Overloaded):
        submit(loop, ask())


def test_a_failed_runner_fails_everything_that_was_accepted_once():
    loop = StepLoop(ScriptedRunner(max_sequences=1), lambda: 0.0)
    ears = [submit(loop, ask(seed)) for seed in range(3)]
    loop.step()
    loop.fail_all(EngineFailed("broken"))
    assert [len(ear.failures) for ear in ears] == [1, 1, 1]
    assert loop.is_idle
    assert loop.blocks.num_held == 0


class StuckRunner(ScriptedRunner):
    """Cannot even free a slot."""

    def end(self, slot):
        raise RuntimeError("stuck")


def test_a_runner_that_fails_at_cleaning_up_keeps_nobody_from_hearing_of_it():
    loop = StepLoop(StuckRunner(), lambda: 0.0)
    ears = [submit(loop, ask(seed)) for seed in range(3)]
    for _ in range(4):
        loop.step()
    loop.fail_all(EngineFailed("broken"))
    assert [len(ear.failures) for ear in ears] == [1, 1, 1]
    assert loop.blocks.num_held == 0
    assert loop.is_idle


def test_orders_that_a_failed_runner_fails_at_keep_nobody_from_hearing_of_it():
    loop = StepLoop(StuckRunner(), lambda: 0.0)
    ears = [submit(loop, ask(seed)) for seed in range(3)]
    for _ in range(4):
        loop.step()
    for ear in ears[:2]:
        loop.cancel(ear.sequence)
    loop.fail_all(EngineFailed("broken"))
    assert [len(ear.failures) for ear in ears] == [1, 1, 1]
    assert loop.is_idle
    assert loop.blocks.num_held == 0
