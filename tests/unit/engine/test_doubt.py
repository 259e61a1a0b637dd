import math
from dataclasses import replace

import pytest

from antiphon_server.engine.doubt import Belief, believed
from antiphon_server.engine.protocol import HeardSegment, HeardWord

LOOP = "I'm not a bad guy. " * 9


def heard(text: str = "Hello there.", log_prob: float | None = -0.2, no_speech: float | None = 0.1) -> HeardSegment:
    return HeardSegment(text, 1000, 3000, average_log_prob=log_prob, no_speech_prob=no_speech, tokens=(1, 2))


def fired(belief: Belief) -> list[tuple[str, float, float]]:
    return [(check.name, check.value, check.limit) for check in belief.checks]


@pytest.mark.parametrize(
    "segment",
    [heard(), heard(no_speech=0.95), heard(log_prob=-1.2, no_speech=0.1), heard(log_prob=None, no_speech=None)],
    ids=["sure", "sure after a long pause", "unsure of real voice", "no numbers"],
)
def test_speech_is_believed_as_it_is(segment):
    belief = believed([segment])
    assert (belief.kept, belief.left_out) == ((segment,), ())


@pytest.mark.parametrize(("log_prob", "no_speech"), [(-1.6, 0.0), (-1.6, None), (-1.1, 0.4), (-0.8, 0.7)])
def test_guesses_are_left_out_and_said(log_prob, no_speech):
    sure = heard()
    belief = believed([sure, heard("I don't know.", log_prob, no_speech)])
    (left_out,) = belief.left_out
    assert belief.kept == (sure,)
    assert (left_out.start_ms, left_out.end_ms, left_out.why) == (1000, 3000, "UNSURE")


def test_a_loop_is_said_once_without_the_times_and_tokens_of_the_rest():
    words = tuple(HeardWord(word, 100 * at, 100 * at + 90) for at, word in enumerate(LOOP.split()))
    segment = HeardSegment(LOOP.strip(), 0, 4500, average_log_prob=-0.1, no_speech_prob=0.1, tokens=(1,), words=words)
    belief = believed([segment])
    (kept,), (left_out,) = belief.kept, belief.left_out
    assert kept.text == "I'm not a bad guy."
    assert [word.text for word in kept.words] == kept.text.split()
    assert (kept.end_ms, kept.tokens) == (490, ())
    assert left_out.why == "REPETITION"


def test_a_loop_over_a_window_without_speech_is_not_believed_at_all():
    belief = believed([heard(LOOP, log_prob=-0.1, no_speech=0.7)])
    assert belief.kept == ()
    assert [left_out.why for left_out in belief.left_out] == ["REPETITION"]
    assert fired(belief) == [("no_speech_prob", 0.7, 0.5), ("repetition", 9, 3)]


def test_a_loop_over_several_segments_leaves_the_first():
    thanks = [heard("Thank you.") for _ in range(8)]
    belief = believed([heard(), *thanks, heard("Goodbye.")])
    assert [segment.text for segment in belief.kept] == ["Hello there.", "Thank you.", "Goodbye."]
    assert len(belief.left_out) == 7
    assert fired(belief) == [("repetition", 8, 3)] * 7


@pytest.mark.parametrize(
    ("segment", "checks"),
    [
        (heard(), []),
        (heard(log_prob=None, no_speech=None), []),
        (heard(no_speech=0.95), [("no_speech_prob", 0.95, 0.6)]),
        (heard(log_prob=-1.2, no_speech=0.1), [("average_log_prob", -1.2, -1.0)]),
        (heard(log_prob=-1.6, no_speech=0.0), [("average_log_prob", -1.6, -1.5)]),
        (heard(log_prob=-1.1, no_speech=0.4), [("no_speech_prob", 0.4, 0.3), ("average_log_prob", -1.1, -1.0)]),
        (replace(heard(), compression_ratio=2.6), [("compression_ratio", 2.6, 2.4)]),
    ],
)
def test_every_limit_that_was_passed_is_said_with_what_was_measured(segment, checks):
    belief = believed([segment])
    assert fired(belief) == checks
    assert all((check.start_ms, check.end_ms) == (1000, 3000) for check in belief.checks)


def test_a_stretch_without_text_is_not_kept_and_its_checks_are_said():
    belief = believed([heard("", log_prob=-1.2, no_speech=0.8)])
    assert (belief.kept, belief.left_out) == ((), ())
    assert fired(belief) == [("no_speech_prob", 0.8, 0.6), ("average_log_prob", -1.2, -1.0)]


def test_confidence_is_the_geometric_mean_of_the_words_probabilities():
    assert heard(log_prob=math.log(0.25)).confidence == pytest.approx(0.25)
    assert heard(log_prob=0.0).confidence == 1
    assert heard(log_prob=None).confidence is None
