# ruff: noqa: RUF001 - the marks of other scripts are meant

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.text.segment import Mode, Segmenter

SHARDS = [
    "Hello", " ", "  ", ".", ". ", "? ", "! ", "…", "\n", "Dr. ", "U.S. ", "3.5 ", "e.g. ",
    "“", "” ", '"', ")", " (", ", ",
    "word ", "Next ", "“Yes.” ", "你好。", "世界！", "है। ",
    "x" * 120, "word, " * 30, "<|prosody:pause|>", "<|sfx:cough|>",
    "<|emotion:awe|>", "<|emo", "|>", "<|no|>", "\u0301", "🙂", "\u00a0", "*", "example.com",
]  # fmt: skip
texts = st.one_of(
    st.lists(st.sampled_from(SHARDS), max_size=25).map("".join),
    st.text(alphabet="aB .!?\n\"'()<|>:,。5", max_size=120),
    st.text(max_size=60),
)
STREAMED = [mode for mode in Mode if mode is not Mode.MESSAGE]


def cut(pieces, mode=Mode.SENTENCE):
    segmenter = Segmenter(mode=mode, max_words=3)
    segments = [segment for piece in pieces for segment in segmenter.push(piece)] + segmenter.flush()
    return segments, segmenter.drain_warnings()


@settings(max_examples=250, deadline=None)
@given(texts, st.lists(st.integers(0, 400), max_size=12), st.sampled_from(STREAMED))
def test_cutting_the_text_on_its_way_changes_nothing(text, cuts, mode):
    edges = [0, *sorted(min(at, len(text)) for at in cuts), len(text)]
    pieces = [text[begin:end] for begin, end in pairwise(edges)]
    assert cut(pieces, mode) == cut([text], mode)


@settings(max_examples=100, deadline=None)
@given(texts)
def test_neither_does_sending_single_characters(text):
    assert cut(text) == cut([text])


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="<|>", exclude_categories=["Cc", "Cs"]), max_size=150))
def test_no_word_is_lost_or_changed(text):
    segments, _ = cut([text])
    assert "".join("".join(segment.text for segment in segments).split()) == "".join(text.split())


@settings(max_examples=150, deadline=None)
@given(texts)
def test_segments_are_tidy_and_short(text):
    for segment in cut([text])[0]:
        assert len(segment.text) <= 300
        assert segment.text == " ".join(segment.text.split())
        assert text.startswith(segment.text[:1], segment.text_offset)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="abc,", min_size=1, max_size=20), min_size=60, max_size=90))
def test_words_are_never_cut_inside(words):
    segments, _ = cut([" ".join(words)])
    assert [word for segment in segments for word in segment.text.split()] == words


@pytest.mark.parametrize("mode", STREAMED)
def test_a_very_long_text_takes_time_in_proportion(mode):
    segments, _ = cut(["No end of words without a stop " * 2_000], mode)
    assert sum(len(segment.text.split()) for segment in segments) == 14_000
