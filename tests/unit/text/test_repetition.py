import pytest

from antiphon_server.text.repetition import Loop, loops_in, repetitions


def cut(*texts: str) -> list[str]:
    return [_without(text, found.spans) for text, found in zip(texts, repetitions(texts), strict=True)]


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    return text.strip()


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("I'm not a bad guy. " * 9, "I'm not a bad guy."),
        ("We waited. " + "Thank you. " * 7 + "Then we left.", "We waited. Thank you. Then we left."),
        ("Thank you, thank you. THANK YOU " * 4, "Thank you,"),
        ("you " * 12, "you"),
        ("a b c d " * 6 + "a b", "a b c d"),
        ("a b c d " * 6 + "a b e", "a b c d a b e"),
        ("谢谢观看" * 5, "谢谢观看"),
        ("ご視聴ありがとうございました。" * 4, "ご視聴ありがとうございました。"),
        ("Cảm ơn các bạn. " * 6, "Cảm ơn các bạn."),
    ],
)
def test_a_loop_is_said_once(text, rest):
    assert cut(text) == [rest]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No, no, no, no, no!",
        "The number is 0 0 0 0 0 0 7.",
        "Row, row, row your boat, gently down the stream, merrily, merrily, merrily, merrily.",
        "Step by step, day by day, year by year, word by word, we went on and on and on.",
        "Press one to hear it, press two to hear it, press three to hear it, press four to hear it.",
    ],
)
def test_what_people_do_say_stays(text):
    (found,) = repetitions([text])
    assert (found.spans, found.num_turns) == ([], 0)


def test_a_loop_may_run_over_several_texts():
    assert cut("Hello there.", *["Thank you."] * 6, "Goodbye.") == ["Hello there.", "Thank you.", *[""] * 5, "Goodbye."]


def test_turns_of_a_loop_are_counted_over_all_its_texts():
    found = repetitions(["Hello there.", *["Thank you."] * 6, "you " * 12])
    assert [one.num_turns for one in found] == [0, 0, 6, 6, 6, 6, 6, 12]


def test_the_shortest_period_is_found_and_long_ones_too():
    assert loops_in(list("ab" * 8)) == [Loop(0, 16, 2)]
    phrase = [str(number) for number in range(40)]
    assert loops_in(["x", *phrase * 4, "y"]) == [Loop(1, 161, 40)]
    assert loops_in([str(number) for number in range(41)] * 4) == []
