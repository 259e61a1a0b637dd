"""First audio, foreseen: against what a runner with a clock then takes, and as a reason to refuse."""

import pytest

from antiphon_server.engine.forecast import Crowd, Forecast
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.errors import DeadlineTooShort
from support.stepping import Clock, TimedRunner, ask, run, submit

NOBODY = Crowd(num_ahead=0, num_short=0, num_beside=0)


def practised_loop(**how):
    """A loop that has spoken before."""
    clock = Clock()
    loop = StepLoop(TimedRunner(clock, num_blocks=2000, **how), clock)
    for seed in range(20):
        submit(loop, ask(seed, max_rows=100, caller=seed))
    run(loop)
    return loop


def first_audio_ms(loop, one):
    asked_at, ear = loop.clock.now, submit(loop, one)
    while not ear.pcm:
        loop.step()
    return (loop.clock.now - asked_at) * 1000


def test_nothing_is_foreseen_before_anything_was_measured():
    assert Forecast().first_audio_ms(NOBODY, 19) == 0
    assert Forecast().first_audio_ms(Crowd(num_ahead=9, num_short=9, num_beside=9), 19) == 0


def test_a_running_mean_begins_at_the_first_figure_and_follows_the_rest():
    mean = Forecast().row_s
    mean.observe(4.0)
    assert mean.value == 4.0
    for _ in range(60):
        mean.observe(1.0)
    assert mean.value == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("crowd", [0, 1, 3, 7, 14])
def test_first_audio_is_foreseen_to_a_third_with_and_without_others(crowd):
    loop = practised_loop(max_sequences=16)
    for seed in range(crowd):
        submit(loop, ask(100 + seed, max_rows=100, caller=seed))
    foreseen_ms = loop.predict_first_audio_ms()
    taken_ms = first_audio_ms(loop, ask(99, max_rows=100, caller="new"))
    assert foreseen_ms == pytest.approx(taken_ms, rel=0.34)


def test_waiting_for_a_place_is_foreseen():
    loop = practised_loop(max_sequences=2)
    for seed in range(6):
        submit(loop, ask(100 + seed, max_rows=100))
    foreseen_ms = loop.predict_first_audio_ms()
    assert foreseen_ms == pytest.approx(first_audio_ms(loop, ask(99, max_rows=100)), rel=0.5)


def test_too_few_blocks_are_foreseen_as_waiting():
    clock = Clock()
    loop = StepLoop(TimedRunner(clock, num_blocks=30), clock)
    submit(loop, ask(1, max_rows=100))
    run(loop)
    submit(loop, ask(2, max_rows=100))
    loop.step()
    assert loop.predict_first_audio_ms(num_positions=104) > 2 * loop.predict_first_audio_ms()


def test_a_deadline_before_the_foreseen_first_audio_is_refused_with_both_figures():
    loop = practised_loop()
    foreseen_ms = loop.stats().gauges["predicted_first_audio_ms"]
    due_at = loop.clock.now + foreseen_ms / 1000
    with pytest.raises(DeadlineTooShort, match=rf"in {foreseen_ms - 10:.0f} ms .* after {foreseen_ms:.0f} ms"):
        submit(loop, ask(due_at=due_at - 0.010))
    assert loop.is_idle
    submit(loop, ask(due_at=due_at + 0.001))


def test_a_deadline_that_has_passed_is_refused_by_a_loop_that_never_spoke():
    clock = Clock()
    clock.now = 5.0
    loop = StepLoop(TimedRunner(clock), clock)
    with pytest.raises(DeadlineTooShort, match="in 0 ms"):
        submit(loop, ask(due_at=4.0))
    submit(loop, ask(due_at=5.1))


def test_a_larger_first_chunk_is_foreseen_to_come_later():
    loop = practised_loop()
    due_at = loop.clock.now + loop.predict_first_audio_ms() / 1000 + 0.005
    with pytest.raises(DeadlineTooShort):
        submit(loop, ask(due_at=due_at, ramp=(25,), max_rows=100))
    submit(loop, ask(due_at=due_at, max_rows=100))
