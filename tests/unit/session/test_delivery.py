import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.session.delivery import (
    MAX_DIRECTIVE_CHARACTERS,
    may_grow_into_directive,
    parse_delivery,
    split_directive,
)


def test_pairs_become_tags_of_the_catalogue():
    delivery = parse_delivery("speed=slow, Emotion=Contentment style=whispering")
    assert delivery.tokens == "<|emotion:contentment|><|style:whispering|><|prosody:speed_slow|>"
    assert delivery.values["speed"] == "slow"


def test_values_and_keys_the_catalogue_does_not_have_are_left_out():
    assert parse_delivery("emotion=hungry mood=odd speed=pause").values == {}
    assert parse_delivery("").tokens == ""


@pytest.mark.parametrize(
    ("text", "pairs", "rest"),
    [
        ("[emotion=contentment] Hello.", "emotion=contentment", "Hello."),
        ("  [speed=slow, pitch=low]\nHi", "speed=slow, pitch=low", "Hi"),
        ("[1] Hello.", "", "[1] Hello."),
        ("[not a directive] x", "", "[not a directive] x"),
        ("Hello [speed=slow]", "", "Hello [speed=slow]"),
        ("", "", ""),
    ],
)
def test_a_directive_is_only_one_at_the_start(text, pairs, rest):
    assert split_directive(text) == (pairs, rest)


@pytest.mark.parametrize(
    ("text", "may_grow"),
    [("", True), ("  ", True), ("[emo", True), ("[a=b]", False), ("Hel", False), ("[" + "a" * 200, False)],
)
def test_the_start_is_held_back_only_while_it_can_become_a_directive(text, may_grow):
    assert may_grow_into_directive(text) is may_grow


@given(st.sampled_from(["[emotion=awe]", "[speed=fast, pitch=high]"]), st.text(max_size=40))
def test_every_start_of_a_directive_is_held_back(directive, rest):
    for length in range(len(directive)):
        assert may_grow_into_directive(directive[:length])
    assert not may_grow_into_directive(directive + rest)


@given(st.text(max_size=400))
def test_never_more_than_the_limit_is_held_back_once_there_is_text(text):
    if text.strip() and may_grow_into_directive(text):
        assert len(text.lstrip()) < MAX_DIRECTIVE_CHARACTERS
