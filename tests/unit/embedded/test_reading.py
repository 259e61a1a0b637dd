import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.embedded import reading


def test_brackets_cannot_be_pronunciation_markup():
    assert "[" not in reading.cleaned("[hello](/bad/)")
    assert reading.cleaned("[hello](/x/)") == "(hello)(/x/)"


@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_any_text_becomes_short_words_without_control_characters(text):
    cleaned = reading.cleaned(text)
    assert not re.search(r"[\x00-\x1f\x7f\u200b\u202e\ud800-\udfff]", cleaned)
    assert all(len(word) <= reading.MAX_WORD_CHARACTERS for word in cleaned.split())


@given(st.text(alphabet=string.ascii_letters + " ,.-", max_size=2000))
def test_pieces_hold_every_word_and_are_short(text):
    cleaned = reading.cleaned(text)
    parts = reading.pieces(cleaned)
    assert all(0 < len(part) <= reading.MAX_PIECE_CHARACTERS for part in parts)
    assert "".join(" ".join(parts).split()) == "".join(cleaned.split())


def test_long_numbers_are_read_digit_by_digit():
    assert reading.cleaned("1" * 40) == " ".join("1" * 40)
    assert reading.cleaned("1,234,567") == "1,234,567"


@pytest.mark.parametrize("part", ["you'll", "$1,299.99", "15.5"])
def test_prices_and_contractions_in_long_words_stay_whole(part):
    assert part in reading.cleaned(f"unfortunately={part}={'a' * 30}").split()


@pytest.mark.parametrize(
    ("text", "num"),
    [("héllo Łódź", 0), ("你好 world", 2), ("Привет", 6), ("123 😀!", 0), ("ﬁne", 0), ("שלום", 4)],
)
def test_letters_of_other_scripts_are_counted(text, num):
    assert reading.num_unreadable(text) == num
