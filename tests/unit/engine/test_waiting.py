"""Who gets the next place."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.engine.sequence import Finish, Sequence
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.engine.waiting import WaitingRoom
from support.scripted_runner import ScriptedRunner
from support.stepping import ask, assert_at_rest, run, submit

LATER = st.one_of(st.none(), st.integers(1, 1000).map(float))
"""Deadlines, of sequences that all end before."""


def waiting(number, caller, due_at=None):
    return Sequence(ask(number, caller=caller, due_at=due_at), number)


def test_within_one_caller_the_first_deadline_is_first_then_the_oldest():
    room, order = WaitingRoom(), []
    for number, due_at in enumerate([None, 9.0, 3.0, None, 9.0]):
        room.add(waiting(number, "a", due_at))
    while (one := room.next()) is not None:
        room.seat(one)
        order.append(one.number)
    assert order == [2, 1, 4, 0, 3]


def test_a_deadline_does_not_pass_another_callers_turn():
    room = WaitingRoom()
    patient, urgent = waiting(0, "a"), waiting(1, "b", 0.5)
    room.add(patient)
    room.add(urgent)
    assert room.next() is patient


def test_whoever_leaves_without_a_place_costs_its_caller_no_turn():
    room = WaitingRoom()
    left, stays, other = waiting(0, "a"), waiting(1, "a"), waiting(2, "b")
    for one in (left, stays, other):
        room.add(one)
    room.leave(left)
    assert room.next() is stays
    assert len(room) == 2


def test_the_caller_with_the_fewest_places_is_next():
    room = WaitingRoom()
    first, second, other = waiting(0, "a"), waiting(1, "a"), waiting(2, "b")
    room.add(first)
    room.add(second)
    room.seat(first)
    room.add(other)
    assert room.next() is other
    room.seat(other)
    room.vacate(first)
    assert room.next() is second


@given(
    st.lists(st.tuples(st.integers(0, 5), LATER), min_size=1, max_size=30), st.integers(1, 3), st.sampled_from([1, 2])
)
def test_no_caller_starves_whatever_the_others_deadlines_are(asks, num_places, lag):
    runner = ScriptedRunner(max_sequences=num_places, num_blocks=100, max_lag=lag)
    loop = StepLoop(runner, lambda: 0.0)
    ears = [
        submit(loop, ask(seed, caller=caller, due_at=due_at, max_rows=9)) for seed, (caller, due_at) in enumerate(asks)
    ]
    run(loop)
    assert [ear.ends for ear in ears] == [[Finish.LENGTH]] * len(ears)
    callers = [asks[seed][0] for seed in runner.begun]
    num_callers = len(set(callers))
    for caller in set(callers):
        places = [index for index, other in enumerate(callers) if other == caller]
        # Its n-th sequence begins at the latest when everyone else has begun n, and those that ran beside them.
        assert all(index < (turn + 1) * num_callers + num_places for turn, index in enumerate(places))
        own = [seed for seed in runner.begun if asks[seed][0] == caller]
        assert own == sorted(own, key=lambda seed: (inf if asks[seed][1] is None else asks[seed][1], seed))
    assert_at_rest(loop)
