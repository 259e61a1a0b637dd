from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.text.tags import CATALOGUE, Tag, TagPolicy, TagScanner, UnknownTag, is_structural, nearest

SHARDS = ["<", "|", ">", "<|", "|>", "<|sfx:cough|>", "<|emotion:awe|>", "<|im_start|>", "a", " b. ", "\n", "x" * 70]


def scan(pieces, policy=TagPolicy.CATALOGUE):
    scanner = TagScanner(policy)
    found = [item for piece in pieces for item in scanner.push(piece)] + scanner.flush()
    merged = []
    for item in found:
        if isinstance(item, str) and merged and isinstance(merged[-1], str):
            merged[-1] += item
        else:
            merged.append(item)
    return merged


def written(items):
    return "".join(item if isinstance(item, str) else item.written for item in items)


def test_the_catalogue_has_43_tags_in_four_categories():
    counts = {category: sum(tag.category == category for tag in CATALOGUE) for category in ("emotion", "style", "sfx")}
    assert counts == {"emotion": 21, "style": 3, "sfx": 9}
    assert len(CATALOGUE) == len(set(CATALOGUE)) == 43


@pytest.mark.parametrize("tag", CATALOGUE, ids=lambda tag: tag.name)
def test_every_tag_of_the_catalogue_is_found_as_written(tag):
    assert scan([f"a{tag.written}b"]) == ["a", tag, "b"]


def test_what_is_not_in_the_catalogue_is_told_apart():
    assert scan(["<|emotion:joy|>"]) == [UnknownTag("<|emotion:joy|>")]
    assert scan(["<|Emotion:awe|>"]) == [UnknownTag("<|Emotion:awe|>")]


@pytest.mark.parametrize("name", ["audio", "ref_audio", "im_start", "im_end", "env:kitchen"])
def test_control_tokens_are_never_tags(name):
    assert is_structural(name)
    assert scan([f"<|{name}|>"]) == [UnknownTag(f"<|{name}|>")]
    assert UnknownTag(f"<|{name}|>").is_structural


def test_a_misspelt_tag_is_not_a_control_token():
    assert not UnknownTag("<|emotion:joy|>").is_structural


@given(st.lists(st.sampled_from(SHARDS), max_size=12), st.lists(st.integers(0, 200), max_size=10))
def test_cutting_the_text_changes_nothing(shards, cuts):
    text = "".join(shards)
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[begin:end] for begin, end in pairwise(edges)]
    assert scan(pieces) == scan([text])


@given(st.lists(st.sampled_from(SHARDS), max_size=12))
def test_no_character_is_lost(shards):
    assert written(scan(shards)) == "".join(shards)


def test_an_unfinished_tag_is_held_back_until_it_is_decided():
    scanner = TagScanner()
    assert scanner.push("Hi <|emo") == ["Hi "]
    assert scanner.push("tion:awe|") == []
    assert scanner.push("> there") == [Tag("emotion", "awe"), " there"]


def test_what_cannot_become_a_tag_any_more_is_let_go():
    scanner = TagScanner()
    assert scanner.push("<|" + "x" * 40) == []
    assert "".join(scanner.push("x" * 40)) == "<|" + "x" * 80
    assert scanner.push("a < b") == ["a < b"]
    assert scanner.push("<|one <|sfx:cough|>") == ["<|one ", Tag("sfx", "cough")]


def test_an_unfinished_tag_at_the_end_is_text():
    assert scan(["end <|sfx:cou"]) == ["end <|sfx:cou"]


def test_under_the_text_policy_nothing_is_a_tag_and_nothing_waits():
    scanner = TagScanner(TagPolicy.TEXT)
    assert scanner.push("<|sfx:cough|> a <|") == ["<|sfx:cough|> a <|"]
    assert scanner.flush() == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("emotion:elatoin", "<|emotion:elation|>"),
        ("emotion:whispering", "<|style:whispering|>"),
        ("laughter", "<|sfx:laughter|>"),
        ("prosody:speed-slow", "<|prosody:speed_slow|>"),
        ("SFX:Cough", "<|sfx:cough|>"),
    ],
)
def test_the_nearest_tags_are_offered(name, expected):
    assert expected in nearest(name)
    assert len(nearest(name)) <= 3


def test_nothing_is_offered_for_what_is_like_nothing():
    assert nearest("zzqqxx") == []


def test_a_kind_is_what_replaces_each_other():
    kinds = {tag.value: tag.kind for tag in CATALOGUE}
    assert kinds["speed_slow"] == kinds["speed_very_fast"] != kinds["pitch_low"]
    assert kinds["anger"] == kinds["fear"] == "emotion"
    assert kinds["cough"] == kinds["pause"] == kinds["long_pause"] == ""
