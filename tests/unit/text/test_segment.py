# ruff: noqa: RUF001 - the marks of other scripts are meant

import pytest

from antiphon_server.errors import InvalidField
from antiphon_server.text.segment import Mode, Segmenter, has_speech
from antiphon_server.text.tags import TagPolicy


def cut(*pieces, **options):
    segmenter = Segmenter(**options)
    return [segment for piece in pieces for segment in segmenter.push(piece)] + segmenter.flush()


def texts(*pieces, **options):
    return [segment.text for segment in cut(*pieces, **options)]


@pytest.mark.parametrize(
    "text",
    [
        "It weighs 3.5 kg in all.",
        "Dr. Smith is in.",
        "The U.S. Army came.",
        "See No. 5 for more.",
        "It is in vol. 3 (ch. 12, eq. 4) of it.",
        "Approx. 300 came to Rm. 12.",
        "It is at example.com today.",
        "Mr. and Mrs. Jones vs. the rest.",
    ],
)
def test_a_sentence_is_one_segment_even_character_by_character(text):
    assert texts(*text) == [text]


def test_a_number_alone_does_not_join_sentences():
    assert texts("He left. 3 came. Turn up the vol. Then listen.") == [
        "He left.",
        "3 came.",
        "Turn up the vol.",
        "Then listen.",
    ]


def test_sentences_are_cut_and_white_space_becomes_one_space():
    assert texts("  One  is\there. Two?   Three! \t “Four.” Five") == [
        "One is here.", "Two?", "Three!", "“Four.”", "Five",
    ]  # fmt: skip


def test_a_sentence_leaves_once_the_next_word_is_there_and_not_before():
    segmenter = Segmenter()
    assert segmenter.push("Hello there.") == []
    assert segmenter.push(" How") == []
    assert [segment.text for segment in segmenter.push(" are")] == ["Hello there."]
    assert [segment.text for segment in segmenter.flush()] == ["How are"]


@pytest.mark.parametrize("pieces", [("It is 3.", "5 kg."), ("Dr.", " Smith."), ("The U.S.", " Army won.")])
def test_arrival_never_splits_what_belongs_together(pieces):
    assert texts(*pieces) == ["".join(pieces)]


def test_lines_are_boundaries_at_once():
    segmenter = Segmenter()
    assert [segment.text for segment in segmenter.push("Milk\nEggs\r\n\r\nBread\u2029Salt")] == [
        "Milk",
        "Eggs",
        "Bread",
    ]


def test_scripts_without_spaces_are_cut_too():
    assert texts("你好。世界！“好。”他说", language="zh")[0] == "你好。"
    assert texts("यह है। वह था।", language="hi") == ["यह है।", "वह था।"]


def test_a_long_sentence_is_cut_at_a_clause():
    clause = "and so it went on for quite a while, "
    pieces = texts(clause * 20)
    assert all(len(piece) <= 300 and piece.endswith(",") for piece in pieces)
    assert " ".join(pieces) == (clause * 20).strip()


def test_a_long_sentence_without_clauses_is_cut_between_words():
    pieces = texts("word " * 200)
    assert all(len(piece) <= 300 for piece in pieces)
    assert " ".join(pieces).split() == ["word"] * 200


def test_only_a_word_that_is_too_long_is_cut_inside():
    assert [len(piece) for piece in texts("short " + "x" * 700 + " end")] == [5, 300, 300, 104]


def test_an_accent_stays_with_its_letter():
    pieces = texts("e\u0301" * 400)
    assert all(len(piece) <= 300 and piece[0] == "e" for piece in pieces)


def test_offsets_point_into_the_text_as_given():
    text = "One. <|emotion:awe|> Two is\n here. <|sfx:cough|>  Three."
    segments = cut(text)
    assert [text[segment.text_offset :][:3] for segment in segments] == ["One", "Two", "her", "Thr"]


def test_each_flush_begins_a_new_text():
    segmenter = Segmenter()
    segmenter.push("<|emotion:awe|>One.")
    segmenter.flush()
    segmenter.push("Two.")
    [segment] = segmenter.flush()
    assert (segment.text_offset, segment.tags) == (0, ())


def test_a_change_of_speaker_ends_the_sentence_and_the_delivery():
    segmenter = Segmenter()
    segments = segmenter.push("<|style:shouting|>Hey you", 0) + segmenter.push("Yes?", 1) + segmenter.flush()
    assert [(segment.text, segment.speaker, bool(segment.tags)) for segment in segments] == [
        ("Hey you", 0, True),
        ("Yes?", 1, False),
    ]


def test_message_mode_takes_each_message_as_complete():
    segmenter = Segmenter(mode="MESSAGE")
    assert [segment.text for segment in segmenter.push("One. And <|sfx")] == ["One.", "And <|sfx"]
    assert segmenter.flush() == []


def test_flush_mode_waits_for_the_flush():
    segmenter = Segmenter(mode="FLUSH")
    assert segmenter.push("One. Two. Three.\nFour.") == []
    assert [segment.text for segment in segmenter.flush()] == ["One.", "Two.", "Three.", "Four."]


@pytest.mark.parametrize("mode", [Mode.NONE, Mode.SPEAKER])
def test_uncut_modes_only_cut_where_delivery_changes(mode):
    assert texts("One. Two.\nThree. " + "x " * 400 + "<|prosody:pause|> Four.", mode=mode) == [
        "One. Two. Three. " + ("x " * 400).strip(),
        "Four.",
    ]


def test_word_mode_counts_words():
    assert texts("a b. c\nd e", mode="WORD", max_words=2) == ["a b.", "c d", "e"]


def test_word_mode_is_as_fast_as_its_words():
    segmenter = Segmenter(mode="WORD", max_words=2)
    assert segmenter.push("one two") == []
    assert [segment.text for segment in segmenter.push(" t")] == ["one two"]


@pytest.mark.parametrize("text", ["", " ", "\n\n \t", "\x00\x07"])
def test_blank_text_gives_nothing(text):
    assert cut(text) == []


@pytest.mark.parametrize("text", ["a", "5", "你", "é", "ก", "!5"])
def test_letters_and_digits_of_any_script_can_be_spoken(text):
    assert has_speech(text)


@pytest.mark.parametrize("text", ["%", "#", "&", "@", "$", "+ ...", "=", "(%)", "== #"])
def test_signs_that_have_a_name_can_be_spoken(text):
    assert has_speech(text)


@pytest.mark.parametrize("text", ["", " ", "...", "—", "🙂", "!?", "\u200b", "<||>", "<|", "====", "### ---"])
def test_marks_alone_cannot(text):
    assert not has_speech(text)


def test_an_unknown_language_is_cut_all_the_same():
    assert texts("One here. Two there.", language="x-nothing") == ["One here.", "Two there."]


def test_a_strict_text_names_the_nearest_tags_and_nothing_of_the_text():
    segmenter = Segmenter(policy=TagPolicy.STRICT)
    with pytest.raises(InvalidField) as caught:
        segmenter.push("Secret <|emotion:elatoin|>")
    assert caught.value.field == "text"
    assert "<|emotion:elation|>" in caught.value.message
    assert "elatoin" not in caught.value.message
    assert "character 7" in caught.value.message
