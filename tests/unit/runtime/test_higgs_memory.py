"""What a prompt tells of the segments before it: how many, whose, and never more than fits."""

from dataclasses import replace

import pytest

from antiphon_server.engine.protocol import SpeechJob
from antiphon_server.engine.reference import SpeechReference
from antiphon_server.engine.sequence import Finish, Sequence
from antiphon_server.errors import ContextOverflow
from antiphon_server.runtime.higgs_ask import MAX_CONTEXT_ROWS, Asking

ROOM = 3000
JOB = SpeechJob(text="Hi.", voice="default", sequence="s", max_new_tokens=100)
PLAIN = 6
"""Positions of the job without anything before it."""
ROW = (1, 2, 3, 4, 5, 6, 7, 8)


@pytest.fixture
def asking(loaded):
    return Asking(loaded.tokenizer, replace(loaded.info, max_positions=ROOM))


def tell(asking, text, num_rows, *, finish=Finish.STOP, **fields):
    asked = asking.ask(replace(JOB, text=text, **fields))
    sequence = Sequence(asked.ask)
    sequence.rows, sequence.finish = [ROW] * num_rows, finish
    asking.note_spoken(asked, sequence)


def num_before(asking, **fields):
    return len(asking.ask(replace(JOB, **fields)).ask.prompt) - PLAIN


def test_what_was_said_before_is_told_in_order_with_its_rows(asking, loaded):
    tell(asking, "One.", 2)
    tell(asking, "Two.", 1)
    one, two, now = (loaded.tokenizer.encode(text) for text in ("One.", "Two.", "Hi."))
    tts, text, audio = 151_667, 151_672, 151_670
    assert asking.ask(JOB).ask.prompt == (
        *(tts, text, *one, audio, ROW, ROW),
        *(text, *two, audio, ROW),
        *(text, *now, audio),
    )
    assert asking.ask(JOB).ask.num_prefix == 1


def test_context_tells_of_four_segments_or_as_many_as_are_asked(asking):
    for _ in range(6):
        tell(asking, "Four", 10)
    of_one = 4 + 10 + 2
    assert num_before(asking) == num_before(asking, continuity="CONTEXT") == 4 * of_one
    assert num_before(asking, max_context_segments=1) == of_one
    assert num_before(asking, max_context_segments=0) == 0
    assert num_before(asking, max_context_segments=64) == 6 * of_one


def test_context_tells_of_a_thousand_rows_at_most(asking):
    for num_rows in (30, MAX_CONTEXT_ROWS - 20, 20):
        tell(asking, "Four", num_rows)
    assert num_before(asking) == MAX_CONTEXT_ROWS + 2 * (4 + 2)


def test_sequence_tells_of_all_that_fits_beside_the_speech_the_oldest_dropped_first(asking):
    for num_rows in (500, 400, 400, 1200):
        tell(asking, "Four", num_rows)
    free = {"continuity": "SEQUENCE", "options": {"guard": False}}
    assert num_before(asking, **free, max_new_tokens=ROOM - PLAIN - 2524) == 2524
    assert num_before(asking, **free, max_new_tokens=ROOM - PLAIN - 2523) == 2018
    assert num_before(asking, **free, max_new_tokens=ROOM - PLAIN) == 0


def test_none_tells_of_nothing_but_of_turns_that_were_handed_in(asking):
    tell(asking, "Four", 10)
    turn = SpeechReference(bytes(16 * 5), "said")
    assert num_before(asking, continuity="NONE") == 0
    assert num_before(asking, continuity="NONE", previous=(turn,)) == 4 + 5 + 7 + 2
    assert num_before(asking, previous=(turn,)) == (4 + 5 + 7 + 2) + (4 + 10 + 2)


def test_what_was_said_with_none_is_not_remembered(asking):
    tell(asking, "Four", 10, continuity="NONE")
    assert num_before(asking) == 0


def test_turns_that_cannot_fit_are_refused_by_their_size_alone(asking):
    turns = (SpeechReference(b"\xff" * 16 * 1500, "said"),) * 2  # codes that are none: nobody looks
    with pytest.raises(ContextOverflow, match="earlier turns take 3000 frames and the speech up to 100 rows"):
        asking.ask(replace(JOB, previous=turns))


def test_turns_that_were_handed_in_come_before_what_the_sequence_has_said(asking, loaded):
    tell(asking, "Now.", 1)
    asked = asking.ask(replace(JOB, previous=(SpeechReference(bytes(16), "Then."),))).ask
    texts = [position for position in asked.prompt if isinstance(position, int) and position < 151_643]
    assert texts == [token for text in ("Then.", "Now.", JOB.text) for token in loaded.tokenizer.encode(text)]


def test_another_sequence_and_another_voice_know_nothing_of_it(asking):
    voice = SpeechReference(bytes(16 * 5), "said")
    tell(asking, "Four", 10)
    tell(asking, "Four", 20, reference=(voice,))
    assert num_before(asking, sequence="other") == 0
    assert num_before(asking) == 16
    with_voice = 2 + 4 + 5 + 7
    assert num_before(asking, reference=(voice,)) == with_voice + 26
    assert num_before(asking, reference=(replace(voice, transcript="sung"),)) == with_voice


@pytest.mark.parametrize("finish", [finish for finish in Finish if finish is not Finish.STOP])
def test_what_did_not_come_to_its_end_is_not_told(asking, finish):
    tell(asking, "Four", 10, finish=finish)
    assert num_before(asking) == 0
