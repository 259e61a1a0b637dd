"""Spoken turns where voice activity ends utterances: a turn is all of them since the last turn's end."""

import asyncio

import pytest

from antiphon_server.session.events import AudioOut, FinalHeard, ReplyEnded, TurnBroken
from support.sessions import silence, voice
from support.talks import Talk

PAUSE = silence(1_000)


def talk(*answers: str) -> Talk:
    return Talk("Yes.", answers=answers, is_automatic=True)


async def say(found: Talk, *parts: bytes) -> None:
    for part in parts:
        await found.session.take(part)


async def end_turn(found: Talk) -> None:
    await found.session.end_turn()
    await found.session.wait()


def heard(found: Talk) -> list[str]:
    return [final.text for final in found.events.of(FinalHeard)]


async def test_what_was_said_before_a_pause_is_answered_and_not_written_down_again():
    found = talk("first", "second")
    await say(found, voice(800), PAUSE)
    await end_turn(found)
    assert found.said == [("user", "first"), ("assistant", "Yes.")]
    assert heard(found) == ["first"]
    (ended,) = found.events.of(ReplyEnded)
    assert ended.transcript_ms is not None


@pytest.mark.parametrize("last", [b"", PAUSE], ids=["open", "ended"])
async def test_a_turn_is_all_its_utterances_joined(last):
    found = talk("first", "second", "third")
    await say(found, voice(800), PAUSE, voice(800), PAUSE, voice(800), last)
    await end_turn(found)
    assert heard(found) == ["first", "second", "third"]
    assert found.said[0] == ("user", "first second third")


async def test_each_turn_has_only_what_was_said_since_the_last():
    found = talk("first", "second")
    for _ in range(2):
        await say(found, voice(800), PAUSE)
        await end_turn(found)
    assert [text for role, text in found.said if role == "user"] == ["first", "second"]


async def test_silence_after_an_answered_turn_is_an_empty_turn():
    found = talk("first", "second")
    await say(found, voice(800), PAUSE)
    await end_turn(found)
    await say(found, PAUSE)
    await end_turn(found)
    assert [ended.text for ended in found.events.of(ReplyEnded)] == ["Yes.", ""]
    assert heard(found) == ["first", ""]
    assert len(found.chat.jobs) == 1


async def test_what_is_said_during_a_reply_is_of_the_next_turn_though_its_end_was_refused():
    found, may_go_on, feeding = talk("first", "second"), asyncio.Event(), asyncio.current_task()

    async def hold_reply(_: int) -> None:
        if found.events.of(AudioOut) and asyncio.current_task() is not feeding:
            await may_go_on.wait()

    found.events.watch = hold_reply
    await say(found, voice(800), PAUSE)
    await found.session.end_turn()
    await found.events.until(AudioOut)
    await say(found, voice(800), PAUSE)
    await found.session.end_turn()
    assert [broken.reason for broken in found.events.of(TurnBroken)] == ["STREAM_ORDER"]
    may_go_on.set()
    await found.session.wait()
    await end_turn(found)
    assert [text for role, text in found.said if role == "user"] == ["first", "second"]


async def test_clearing_drops_what_was_said_before_a_pause_too():
    found = talk("first", "second")
    await say(found, voice(800), PAUSE)
    found.session.clear()
    await say(found, voice(800))
    await end_turn(found)
    assert found.said[0] == ("user", "second")


async def test_what_was_said_before_a_typed_turn_waits_for_the_end_of_the_spoken_one():
    found = talk("first", "second")
    await say(found, voice(800), PAUSE)
    await found.session.text_turn("typed")
    await found.session.wait()
    await end_turn(found)
    assert not found.events.of(TurnBroken)
    assert [text for role, text in found.said if role == "user"] == ["typed", "first"]
