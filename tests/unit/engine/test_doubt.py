import pytest

from antiphon_server.engine.doubt import believed
from antiphon_server.engine.protocol import HeardSegment, HeardWord

LOOP = "I'm not a bad guy. " * 9


def heard(text: str = "Hello there.", log_prob: float | None = -0.2, no_speech: float | None = 0.1) -> HeardSegment:
    return HeardSegment(text, 1000, 3000, average_log_prob=log_prob, no_speech_prob=no_speech, tokens=(1, 2))


@pytest.mark.parametrize(
    "segment",
    [heard(), heard(no_speech=0.95), heard(log_prob=-1.2, no_speech=0.1), heard(log_prob=None, no_speech=None)],
    ids=["sure", "sure after a long pause", "unsure of real voice", "no numbers"],
)
def test_speech_is_believed_as_it_is(segment):
    assert believed([segment]) == ((segment,), ())


@pytest.mark.parametrize(("log_prob", "no_speech"), [(-1.6, 0.0), (-1.6, None), (-1.1, 0.4), (-0.8, 0.7)])
def test_guesses_are_left_out_and_said(log_prob, no_speech):
    sure = heard()
    kept, (left_out,) = believed([sure, heard("I don't know.", log_prob, no_speech)])
    assert kept == (sure,)
    assert (left_out.start_ms, left_out.end_ms, left_out.why) == (1000, 3000, "UNSURE")


def test_a_loop_is_said_once_without_the_times_and_tokens_of_the_rest():
    words = tuple(HeardWord(word, 100 * at, 100 * at + 90) for at, word in enumerate(LOOP.split()))
    segment = HeardSegment(LOOP.strip(), 0, 4500, average_log_prob=-0.1, no_speech_prob=0.1, tokens=(1,), words=words)
    (kept,), (left_out,) = believed([segment])
    assert kept.text == "I'm not a bad guy."
    assert [word.text for word in kept.words] == kept.text.split()
    assert (kept.end_ms, kept.tokens) == (490, ())
    assert left_out.why == "REPETITION"


def test_a_loop_over_a_window_without_speech_is_not_believed_at_all():
    kept, (left_out,) = believed([heard(LOOP, log_prob=-0.1, no_speech=0.7)])
    assert kept == ()
    assert left_out.why == "REPETITION"


def test_a_loop_over_several_segments_leaves_the_first():
    thanks = [heard("Thank you.") for _ in range(8)]
    kept, left_out = believed([heard(), *thanks, heard("Goodbye.")])
    assert [segment.text for segment in kept] == ["Hello there.", "Thank you.", "Goodbye."]
    assert len(left_out) == 7
