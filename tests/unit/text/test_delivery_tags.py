import pytest

from antiphon_server.text.segment import Segment, Segmenter
from antiphon_server.text.tags import CATALOGUE, TagPolicy


def cut(text, policy=TagPolicy.CATALOGUE):
    segmenter = Segmenter("en", policy)
    return segmenter.push(text) + segmenter.flush()


def test_delivery_holds_until_replaced_by_its_kind_or_the_turn_ends():
    segmenter = Segmenter()
    text = (
        "<|emotion:awe|><|prosody:speed_slow|>One is. Two is. <|prosody:speed_fast|>Three is. <|emotion:fear|>Four is."
    )
    segments = segmenter.push(text) + segmenter.flush() + segmenter.push("Five is.") + segmenter.flush()
    assert [(segment.text, segment.speed_factor, segment.tags[:1]) for segment in segments] == [
        ("One is.", 0.85, ("<|emotion:awe|>",)),
        ("Two is.", 0.85, ("<|emotion:awe|>",)),
        ("Three is.", 1.2, ("<|emotion:awe|>",)),
        ("Four is.", 1.2, ("<|prosody:speed_fast|>",)),
        ("Five is.", 1.0, ()),
    ]
    assert segments[3].tags == ("<|prosody:speed_fast|>", "<|emotion:fear|>")


@pytest.mark.parametrize(
    ("name", "speed_factor", "pitch_semitones"),
    [
        ("speed_very_slow", 0.65, 0.0),
        ("speed_slow", 0.85, 0.0),
        ("speed_fast", 1.2, 0.0),
        ("speed_very_fast", 1.4, 0.0),
        ("pitch_low", 1.0, -3.0),
        ("pitch_high", 1.0, 2.5),
        ("expressive_high", 1.0, 0.0),
    ],
)
def test_prosody_has_its_numbers(name, speed_factor, pitch_semitones):
    [segment] = cut(f"<|prosody:{name}|>Word.")
    assert (segment.speed_factor, segment.pitch_semitones) == (speed_factor, pitch_semitones)
    assert segment.tags == (f"<|prosody:{name}|>",)


def test_delivery_in_the_middle_of_a_sentence_begins_a_segment_there():
    assert [(segment.text, segment.pitch_semitones) for segment in cut("You <|prosody:pitch_low|>are late.")] == [
        ("You", 0.0),
        ("are late.", -3.0),
    ]


def test_delivery_lets_the_sentence_before_it_go_at_once():
    segmenter = Segmenter()
    assert [segment.text for segment in segmenter.push("One is here.<|emotion:awe|>")] == ["One is here."]


def test_pauses_are_exact_and_stand_where_they_were_written():
    segments = cut("A word <|prosody:pause|>and another.<|prosody:long_pause|> <|prosody:pause|>Last.")
    assert [(segment.text, segment.pause_before_ms) for segment in segments] == [
        ("A word", 0),
        ("and another.", 550),
        ("Last.", 1_650),
    ]


def test_a_pause_at_the_end_is_a_segment_without_text():
    assert cut("Done.<|prosody:long_pause|>") == [
        Segment("Done."),
        Segment("", pause_before_ms=1_100, text_offset=len("Done.<|prosody:long_pause|>")),
    ]


def test_a_pause_alone_is_silence():
    assert [(segment.text, segment.pause_before_ms) for segment in cut("<|prosody:pause|>")] == [("", 550)]


def test_a_sound_belongs_to_its_own_segment_and_does_not_cut():
    segments = cut("He said <|sfx:laughter|> haha to all. <|sfx:cough|> Ahem to you. Then nothing.")
    assert [(segment.text, segment.tags) for segment in segments] == [
        ("He said haha to all.", ("<|sfx:laughter|>",)),
        ("Ahem to you.", ("<|sfx:cough|>",)),
        ("Then nothing.", ()),
    ]


def test_a_sound_at_the_end_belongs_to_what_came_before():
    [segment] = cut("It was so funny. <|sfx:laughter|>")
    assert segment.tags == ("<|sfx:laughter|>",)


def test_a_sound_alone_is_a_segment_without_text():
    assert cut(" <|sfx:sneeze|>") == [Segment("", tags=("<|sfx:sneeze|>",), text_offset=1)]


@pytest.mark.parametrize("tag", CATALOGUE, ids=lambda tag: tag.name)
def test_no_tag_of_the_catalogue_is_ever_read_aloud(tag):
    spoken = " ".join(segment.text for segment in cut(f"Begin {tag.written} middle.{tag.written} End{tag.written}"))
    assert spoken.split() == ["Begin", "middle.", "End"]


def test_an_unknown_tag_is_read_with_a_warning_that_holds_none_of_it():
    segmenter = Segmenter()
    segments = segmenter.push("Hi <|emotion:elatoin|> there") + segmenter.flush()
    assert [segment.text for segment in segments] == ["Hi <|emotion:elatoin|> there"]
    [(code, message)] = segmenter.drain_warnings()
    assert code == "UNKNOWN_TAG"
    assert "<|emotion:elation|>" in message
    assert "elatoin" not in message
    assert segmenter.drain_warnings() == []


def test_a_control_token_is_text():
    segmenter = Segmenter()
    [segment] = segmenter.push("Say <|im_start|> now.") + segmenter.flush()
    assert segment.text == "Say <|im_start|> now."
    assert "control token" in segmenter.drain_warnings()[0][1]


def test_under_the_text_policy_even_the_catalogue_is_text_without_a_warning():
    segmenter = Segmenter("en", TagPolicy.TEXT)
    [segment] = segmenter.push("Say <|sfx:cough|> now.") + segmenter.flush()
    assert (segment.text, segment.tags) == ("Say <|sfx:cough|> now.", ())
    assert segmenter.drain_warnings() == []


def test_a_strict_text_of_known_tags_is_fine():
    [segment] = cut("<|style:singing|>La la.", TagPolicy.STRICT)
    assert segment.tags == ("<|style:singing|>",)
