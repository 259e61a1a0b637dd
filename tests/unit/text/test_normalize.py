import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.text.normalize import normalize


def markdown(text):
    return normalize(text, markdown=True, emoji=False, urls=False)


def without_emoji(text):
    return normalize(text, markdown=False, emoji=True, urls=False)


def hosts(text):
    return normalize(text, markdown=False, emoji=False, urls=True)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("# Title", "Title"),
        ("Some **bold**, _soft_ and ~~gone~~ words", "Some bold, soft and gone words"),
        ("Read [the manual](https://x.org/a_(b)) now", "Read the manual now"),
        ("![a red cat](cat.png)", "a red cat"),
        ("Run `make all` twice", "Run make all twice"),
        ("```py\nprint(1)\n```", "print(1)"),
        ("- one\n- two", "one\ntwo"),
        ("1. one\n2. two", "1. one\n2. two"),
        ("> quoted\nwords", "quoted words"),
        ("| a | b |\n|---|---|\n| c | d |", "a, b,\nc, d,"),
        ("one\n\n---\n\ntwo", "one\ntwo"),
        ("AT&amp;T", "AT&T"),
    ],
)
def test_markdown_is_read_without_its_marks(text, spoken):
    assert markdown(text) == spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("**Warning!", "Warning!"),
        ("Never do that.**", "Never do that."),
        ("Never** do that.", "Never do that."),
        ("He said **“Stop!", "He said “Stop!"),
        ("[Read it.", "[Read it."),
        ("All of it](https://example.org/a_(b)?c=1).", "All of it."),
        ("All of it](/docs) now", "All of it now"),
        ("__Look!", "Look!"),
        ("It is ~~gone.", "It is gone."),
    ],
)
def test_half_a_pair_of_marks_is_not_read(text, spoken):
    assert markdown(text) == spoken


@pytest.mark.parametrize(
    "text",
    [
        "2**3",
        "a ** b",
        "snake__case",
        "3.",
        "[Bob]: hi",
        "2 * 3 * 4",
        "snake_case_name",
        "a <b or c> d",
        "I paid $5 ~ $6",
        "#hashtag",
        "x < y > z",
    ],
)
def test_what_only_looks_like_markdown_keeps_its_words(text):
    assert markdown(text) == text


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["word", "**", "_", "`", "# ", "- ", "> ", "\n", " ", "[", "](u)", "|", "1. ", "<", ">"]))
)
def test_markdown_never_loses_a_word(shards):
    assert markdown("".join(shards)).count("word") == "".join(shards).count("word")


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Nice 👍🏽!", "Nice!"),
        ("A family 👨‍👩‍👧 here", "A family here"),
        ("Flags 🇩🇪🇫🇷 and ❤️ and 1️⃣ end", "Flags and and end"),
        ("🙂", ""),
        ("No. 1 # * © ™ remain", "No. 1 # * © ™ remain"),
        ("नमस्ते क्‍ष", "नमस्ते क्‍ष"),
        ("two  spaces  stay", "two  spaces  stay"),
    ],
)
def test_emoji_are_left_out_and_nothing_else(text, spoken):
    assert without_emoji(text) == spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("See https://www.Example.com/a_b?q=1#x.", "See example.com."),
        ("(http://example.org:8080/)", "(example.org)"),
        ("www.example.net, ok", "example.net, ok"),
        ("http://user:secret@example.com/x", "example.com"),
        ("https://münchen.de/wiki", "münchen.de"),
        ("http://[::1 is broken", "http://[::1 is broken"),
        ("example.com and a@b.org stay", "example.com and a@b.org stay"),
    ],
)
def test_addresses_are_read_by_their_host(text, spoken):
    assert hosts(text) == spoken


def test_nothing_asked_changes_nothing():
    text = "# *A* 🙂 https://example.com/x"
    assert normalize(text, markdown=False, emoji=False, urls=False) == text


def test_all_together():
    text = "**Look** 🙂 at [this](https://a.b/c) or https://www.example.com/d!"
    assert normalize(text, markdown=True, emoji=True, urls=True) == "Look at this or example.com!"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_any_text_can_be_normalised(text):
    assert isinstance(normalize(text, markdown=True, emoji=True, urls=True), str)
