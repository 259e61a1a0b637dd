"""From an answer to a transcript."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.model.stt.transcript import clean, cut_loops, read_answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("the quick brown fox<|im_end|>", "the quick brown fox"),
        ("<think>a man\nspeaks</think>\n\nhello<|im_end|>", "hello"),
        ("<think>\n\n</think>\n\nhello <think>again</think>there", "hello there"),
        ("<think>one</think>two<think>three</think>four", "twofour"),
        ("<think>so hello", "so hello"),
        ("<think>a</think><think>so hello<|endoftext|>", "so hello"),
        ("<|AUDIO|> hello <|audio_eos|>", "hello"),
        ("my assistant\nsaid so", "my assistant\nsaid so"),
        ("a < b | c > d", "a < b | c > d"),
        ("<|im_end|>", ""),
        ("", ""),
    ],
)
def test_thoughts_and_special_tokens_are_taken_out(answer, said):
    assert clean(answer) == said


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("no no no", "no no no"),
        ("no no no no no", "no no no"),
        ("oh no oh no", "oh no oh no"),
        ("oh no oh no oh no yes", "oh no oh no yes"),
        ("a b c " * 7 + "d", "a b c a b c d"),
        ("x " + "a b b b b " * 4, "x a b b b a b b b"),
        (" ".join(map(str, range(16))) + " " + (" ".join(map(str, range(16))) + " ") * 3, None),
        (" ".join(map(str, range(17))) + " " + (" ".join(map(str, range(17))) + " ") * 3, False),
    ],
)
def test_loops_are_cut_to_two_phrases_or_three_words(words, kept):
    words = words.split()
    expected = {None: words[:32], False: words}.get(kept) or kept.split()
    assert cut_loops(words) == expected


def test_what_was_cut_is_counted_and_other_text_keeps_its_blanks():
    assert read_answer("so so so so so it goes<|im_end|>").num_cut_words == 2
    assert read_answer("so so so so so it goes").text == "so so so it goes"
    whole = read_answer("one  two\nthree")
    assert (whole.text, whole.num_cut_words) == ("one  two\nthree", 0)


@given(st.lists(st.sampled_from("abc"), max_size=60))
def test_cutting_loops_invents_and_reorders_nothing(words):
    kept = cut_loops(words)
    left = iter(words)
    assert all(word in left for word in kept)
    assert all(kept[at : at + 4] != [kept[at]] * 4 for at in range(len(kept) - 3))
