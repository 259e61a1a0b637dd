"""Text through the step loop: the same places and launches as speech, and an end that a text id says."""

import pytest

from antiphon_server.engine.runner import BROKEN, Draw, Heard
from antiphon_server.engine.sequence import Ask, Finish
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.engine.text_sequence import TextSequence
from antiphon_server.errors import EngineFailed, Overloaded
from support.scripted_runner import ScriptedRunner
from support.stepping import Clock, assert_at_rest, run, submit
from support.stepping import Ear as BaseEar

STOP = 9


class Ear(BaseEar):
    """Keeps the text."""

    def take_end(self, sequence):
        super().take_end(sequence)
        self.ids = [row[0] for row in sequence.rows]


def said(*ids):
    """Rows of these ids, each with its log probability."""
    return [(token, -token) for token in ids]


def loop_of(script=None, **how):
    return StepLoop(ScriptedRunner(script=script or {}, **how), Clock(), kind=TextSequence)


def ask(seed=0, *, prompt=(1, 2, 3, 4, 5, 6), max_rows=8, **more):
    return Ask(prompt, 4, Draw(seed=seed), max_rows, stop_ids=frozenset({STOP}), **more)


def hear(loop, one):
    ear = Ear(loop)
    ear.sequence = loop.submit(one, ear)
    return ear


@pytest.mark.parametrize("max_lag", [1, 2])
@pytest.mark.parametrize("ids", [(5, 6, 7), (5,), ()])
def test_a_text_ends_where_the_model_says_so_without_the_sign_of_the_end(ids, max_lag):
    loop = loop_of({0: said(*ids, STOP, 3, 3, 3)}, max_lag=max_lag)
    ear = hear(loop, ask())
    run(loop)
    assert (ear.ids, ear.ends, ear.pcm) == (list(ids), [Finish.STOP], b"")
    assert_at_rest(loop)


@pytest.mark.parametrize("max_lag", [1, 2])
def test_a_text_without_end_is_cut_at_its_cap_and_says_so(max_lag):
    loop = loop_of({0: said(*range(3, 9), *range(10, 40))}, max_lag=max_lag)
    ear = hear(loop, ask(max_rows=8))
    run(loop)
    assert (ear.ids, ear.ends) == ([3, 4, 5, 6, 7, 8, 10, 11], [Finish.LENGTH])
    assert sum(map(len, loop.runner.batches)) <= 8 + max_lag
    assert_at_rest(loop)


def test_a_long_prompt_is_computed_in_the_parts_that_are_asked_and_others_go_on_between():
    sound = [Heard(b"ab") for _ in range(3)]
    prompt = (1, 2, 3, 4, *[sound[0]] * 3, *[sound[1]] * 3, *[sound[2]] * 2, 7)
    loop = loop_of({1: said(4, 5, 6, 7, 8, STOP), 2: said(5, STOP)})
    other = hear(loop, ask(1, max_rows=20))
    loop.step()
    loop.step()
    ear = hear(loop, ask(2, prompt=prompt, cuts=(7, 10)))
    before = len(loop.runner.prefills)
    run(loop)
    assert [len(part.positions) for part in loop.runner.prefills[before:]] == [3, 3, 3]  # what is shared was there
    assert [part.is_last for part in loop.runner.prefills[before:]] == [False, False, True]
    assert len(loop.runner.batches) >= 3
    assert (ear.ids, other.ids) == ([5], [4, 5, 6, 7, 8])
    assert_at_rest(loop)


def test_an_instruction_is_computed_once_for_all_that_begin_with_it():
    loop = loop_of({seed: said(5, STOP) for seed in range(3)})
    for seed in range(3):
        hear(loop, ask(seed))
        run(loop)
    assert [part.first for part in loop.runner.prefills] == [0, 4, 4, 4]


def test_scores_that_are_no_numbers_fail_that_text_alone():
    loop = loop_of({0: [*said(5), BROKEN], 1: said(5, 6, STOP)})
    broken, other = hear(loop, ask(0)), hear(loop, ask(1))
    run(loop)
    assert [type(error) for error in broken.failures] == [EngineFailed]
    assert (other.ids, other.ends) == ([5, 6], [Finish.STOP])
    assert_at_rest(loop)


def test_a_cancelled_text_gives_its_place_back_at_the_next_step():
    loop = loop_of({0: said(*[5] * 500)})
    ear = hear(loop, ask(max_rows=100))
    for _ in range(3):
        loop.step()
    loop.cancel(ear.sequence)
    run(loop)
    assert ear.ends == [Finish.CANCELLED]
    assert_at_rest(loop)


def test_many_texts_each_get_their_own_ids():
    script = {seed: said(*[10 + seed] * (seed % 6), STOP) for seed in range(40)}
    loop = loop_of(script, max_lag=2)
    ears = [hear(loop, ask(seed)) for seed in range(40)]
    run(loop)
    assert [ear.ids for ear in ears] == [[10 + seed] * (seed % 6) for seed in range(40)]
    assert all(ear.ends == [Finish.STOP] for ear in ears)
    assert_at_rest(loop)


def test_a_deadline_is_refused_by_when_the_first_id_comes_not_by_the_longest_answer():
    clock = Clock()
    loop = StepLoop(ScriptedRunner(script={0: said(5, STOP)}), clock, kind=TextSequence)
    loop.predict_first_audio_ms()
    ear = Ear(loop)
    ear.sequence = loop.submit(ask(max_rows=100, due_at=0.001), ear)
    run(loop)
    assert ear.ends == [Finish.STOP]


def test_what_does_not_find_room_to_wait_is_refused():
    loop = loop_of()
    loop.max_waiting = 1
    submit(loop, ask(0))
    with pytest.raises(Overloaded):
        submit(loop, ask(1))
