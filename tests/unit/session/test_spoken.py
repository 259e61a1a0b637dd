from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.session.spoken import SpokenText

TEXTS = st.lists(st.text("ab cd.", min_size=1, max_size=30).map(str.strip).filter(bool), min_size=1, max_size=5)


def two_sentences() -> SpokenText:
    spoken = SpokenText(rate_hz=1000)
    spoken.begin("One two three four.", 0)
    spoken.end(1900)
    spoken.begin("Five six.", 2000)
    spoken.end(2900)
    return spoken


def test_nothing_was_heard_before_the_first_sample():
    assert two_sentences().until(0) == ""


def test_the_unfinished_word_is_left_out():
    assert two_sentences().until(1000) == "One two"


def test_whole_sentences_stay_whole():
    assert two_sentences().until(1900) == "One two three four."
    assert two_sentences().until(2900) == "One two three four. Five six."


def test_the_end_of_a_cut_sentence_is_guessed_from_those_before():
    spoken = SpokenText(rate_hz=1000)
    spoken.begin("abcdefghij", 0)
    spoken.end(1000)
    spoken.begin("one two three", 1000)
    assert spoken.until(1000) == "abcdefghij"
    assert spoken.until(1700) == "abcdefghij one two"
    assert spoken.until(2300) == "abcdefghij one two three"


@given(TEXTS, st.lists(st.integers(1, 500), min_size=5, max_size=5), st.integers(0, 3000), st.integers(0, 3000))
def test_later_means_at_least_as_much_text(texts, lengths, one, other):
    spoken, position = SpokenText(rate_hz=100), 0
    for text, length in zip(texts, lengths, strict=False):
        spoken.begin(text, position)
        position += length
        spoken.end(position)
    early, late = spoken.until(min(one, other)), spoken.until(max(one, other))
    assert late.startswith(early)
    assert spoken.text.startswith(late)
    assert spoken.until(position) == spoken.text
