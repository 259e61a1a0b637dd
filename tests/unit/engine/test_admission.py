import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.engine.admission import Admission
from antiphon_server.errors import DeadlineTooShort, Draining, Overloaded, SpeechError


def refusal(door: Admission, remaining_s: float | None = None) -> SpeechError:
    with pytest.raises(SpeechError) as caught, door.enter(remaining_s):
        pass
    return caught.value


def test_one_call_more_than_there_are_places_is_refused_with_a_delay():
    door = Admission("synthesis", 2)
    with door.enter(None), door.enter(None):
        error = refusal(door)
    assert isinstance(error, Overloaded)
    assert "all 2 places for synthesis" in error.message
    assert error.retry_after_s == pytest.approx(1.0)
    with door.enter(None):
        assert door.num_running == 1


def test_a_place_is_given_back_when_the_call_fails():
    door = Admission("synthesis", 1)
    with pytest.raises(KeyError), door.enter(None):
        raise KeyError
    assert door.num_running == 0


def test_a_refused_call_takes_no_place():
    door = Admission("synthesis", 1)
    with door.enter(None):
        refusal(door)
        assert door.num_running == 1
    assert door.num_running == 0


def test_a_deadline_before_the_predicted_first_output_is_refused_with_both_times():
    door = Admission("synthesis", 8, first_output_ms=100.0)
    error = refusal(door, 0.099)
    assert isinstance(error, DeadlineTooShort)
    assert "in 99 ms" in error.message
    assert "after 100 ms" in error.message
    with door.enter(0.101):
        pass


def test_a_deadline_that_has_passed_is_refused():
    assert isinstance(refusal(Admission("synthesis", 1), -5.0), DeadlineTooShort)


def test_calls_beside_make_the_first_output_later():
    door = Admission("synthesis", 8, first_output_ms=100.0)
    with door.enter(None), door.enter(None):
        assert door.predict_first_output_ms() == pytest.approx(200.0)


def test_a_crowd_is_not_counted_twice_in_what_is_learned_of_it():
    door = Admission("synthesis", 64, first_output_ms=100.0)
    with contextlib.ExitStack() as crowd:
        for _ in range(8):
            crowd.enter_context(door.enter(None))
        for _ in range(100):
            door.measured(900.0, num_beside=8)
        assert door.predict_first_output_ms() == pytest.approx(900.0, rel=0.01)
    assert door.predict_first_output_ms() == pytest.approx(180.0, rel=0.01)


def test_draining_refuses_all():
    door = Admission("synthesis", 8)
    door.is_draining = True
    error = refusal(door)
    assert isinstance(error, Draining)
    assert error.retry_after_s == 1.0


@given(st.lists(st.floats(0, 10_000), min_size=1, max_size=50))
def test_the_guess_stays_between_what_was_measured(measured_ms):
    door = Admission("synthesis", 8, first_output_ms=measured_ms[0])
    for first_output_ms in measured_ms:
        door.measured(first_output_ms)
    assert min(measured_ms) - 1e-6 <= door.predict_first_output_ms() <= max(measured_ms) + 1e-6


def test_many_equal_measurements_become_the_guess():
    door = Admission("synthesis", 8, first_output_ms=1000.0)
    for _ in range(100):
        door.measured(50.0)
    assert door.predict_first_output_ms() == pytest.approx(50.0, rel=0.01)


def test_an_idle_server_forgets_how_long_a_crowd_had_to_wait():
    now = [0.0]
    door = Admission("synthesis", 64, first_output_ms=200.0, clock=lambda: now[0])
    for first_output_ms in [200.0] + [8000.0] * 40:
        door.measured(first_output_ms)
    assert isinstance(refusal(door, 1.0), DeadlineTooShort)
    for _ in range(60):  # whoever is refused measures nothing, and yet it ends
        now[0] += 0.5
        with contextlib.suppress(DeadlineTooShort), door.enter(1.0):
            break
    else:
        pytest.fail("refused for ever")
    now[0] += 1000.0
    assert door.predict_first_output_ms() == pytest.approx(200.0)
