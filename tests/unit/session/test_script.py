import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.session.script import Script
from support.sessions import speech_settings

TEXT = "Hello there. This is <|prosody:speed_slow|>slow! And **bold**, at last."


def texts(script: Script) -> list[str]:
    return [segment.text for segment in script.drain()]


@given(st.lists(st.integers(1, len(TEXT) - 1), max_size=12))
def test_the_same_text_gives_the_same_segments_however_it_came(places):
    whole, cut = Script("u1", speech_settings()), Script("u1", speech_settings())
    whole.write(TEXT)
    whole.close()
    edges = [0, *sorted(places), len(TEXT)]
    for start, end in itertools.pairwise(edges):
        cut.write(TEXT[start:end])
    cut.close()
    assert cut.drain() == whole.drain()


def test_a_sentence_is_ready_before_the_text_is_complete():
    script = Script("u1", speech_settings())
    script.write("Hello there. This is not")
    assert texts(script) == ["Hello there."]
    script.close()
    assert texts(script) == ["This is not"]


def test_by_message_each_push_is_complete():
    script = Script("u1", speech_settings(commit="MESSAGE"))
    script.write("Hello")
    assert texts(script) == []
    script.end_message()
    assert texts(script) == ["Hello"]


def test_by_flush_nothing_is_ready_before_the_end():
    script = Script("u1", speech_settings(commit="FLUSH", segmentation="NONE"))
    script.write("Hello there. How are you? ")
    assert texts(script) == []
    script.close()
    assert len(texts(script)) >= 1


def test_normalisation_rewrites_segments():
    script = Script("u1", speech_settings(markdown=True, emoji=True, urls=True))
    script.write("This is **bold** \N{GRINNING FACE} at https://example.com/a?b=c today.")
    script.close()
    (text,) = texts(script)
    assert "*" not in text
    assert "\N{GRINNING FACE}" not in text
    assert "?b=c" not in text


def test_characters_that_wait_are_counted_until_they_are_taken():
    script = Script("u1", speech_settings())
    script.write("Hello there. And more. ")
    waiting = script.num_waiting_characters
    assert waiting >= len("Hello there.")
    script.drain()
    assert script.num_waiting_characters == 0


async def test_segments_come_as_they_are_written_and_end_with_the_script():
    script = Script("u1", speech_settings())
    found: list[str] = []

    async def follow() -> None:
        async for segment, _ in script.segments():
            found.append(segment.text)

    following = asyncio.create_task(follow())
    script.write("First one. Second sentence")
    for _ in range(3):
        await asyncio.sleep(0)
    assert found == ["First one."]
    script.close()
    await following
    assert found == ["First one.", "Second sentence"]


def test_punctuation_alone_is_no_speech():
    script = Script("u1", speech_settings())
    script.write("... !?")
    script.close()
    assert not script.has_speech
    script = Script("u2", speech_settings())
    script.write("7")
    script.close()
    assert script.has_speech
