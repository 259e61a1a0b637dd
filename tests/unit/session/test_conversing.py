import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.session.events import (
    AudioOut,
    DeliveryChosen,
    FinalHeard,
    Notice,
    ReplyAudioBegan,
    ReplyAudioEnded,
    ReplyEnded,
    ReplySentence,
    TurnBroken,
    TurnOver,
    UtteranceCut,
)
from support.sessions import CHUNK_SAMPLES, silence, voice
from support.talks import Talk

ENDS = (ReplyEnded, TurnBroken, UtteranceCut)


async def test_a_typed_turn_is_answered_sentence_by_sentence():
    talk = Talk("First one. ", "And the ", "second.")
    await talk.session.text_turn("Hello?")
    await talk.session.wait()
    kinds = [type(event) for event in talk.events if not isinstance(event, AudioOut | Notice)]
    assert kinds == [
        TurnOver, DeliveryChosen, ReplySentence, ReplyAudioBegan, ReplySentence, ReplyAudioEnded, ReplyEnded,
    ]  # fmt: skip
    (ended,) = talk.events.of(ReplyEnded)
    assert ended.text == "First one. And the second."
    assert ended.transcript_ms is None
    assert talk.said == [("user", "Hello?"), ("assistant", "First one. And the second.")]
    assert [message.role for message in talk.chat.jobs[0].messages] == ["system", "user"]


async def test_a_sentence_stands_before_its_audio_and_audio_adds_up():
    talk = Talk("First one. ", "And the ", "second.")
    await talk.session.text_turn("Hello?")
    await talk.session.wait()
    (done,) = talk.events.of(ReplyAudioEnded)
    assert sum(out.num_samples for out in talk.events.of(AudioOut)) == done.num_samples
    assert [job.text for job in talk.engine.jobs] == [event.text.strip() for event in talk.events.of(ReplySentence)]
    assert talk.events.index(talk.events.of(ReplySentence)[0]) < talk.events.index(talk.events.of(AudioOut)[0])


@pytest.mark.parametrize("pieces", [("One. ", "Two?\n\nThree", "!"), ("One.",), (" One.  Two. ", "- ", "\tThree")])
async def test_the_sentences_of_a_reply_joined_are_the_reply(pieces):
    talk = Talk(*pieces)
    await talk.session.text_turn("Hello?")
    await talk.session.wait()
    (ended,) = talk.events.of(ReplyEnded)
    assert "".join(event.text for event in talk.events.of(ReplySentence)) == ended.text


async def test_a_spoken_turn_is_written_down_and_answered():
    talk = Talk("Yes.")
    await talk.session.take(voice(800))
    await talk.session.end_turn()
    await talk.session.wait()
    (ended,) = talk.events.of(ReplyEnded)
    assert talk.said == [("user", "what I said"), ("assistant", "Yes.")]
    assert ended.transcript_ms is not None


async def test_a_turn_without_speech_ends_empty_and_asks_nobody():
    talk = Talk("Yes.")
    await talk.session.take(silence(800))
    await talk.session.end_turn()
    await talk.session.wait()
    (ended,) = talk.events.of(ReplyEnded)
    assert (ended.text, ended.audio_ms) == ("", 0)
    assert ended.times.total_ms >= ended.transcript_ms > 0
    assert talk.chat.jobs == []
    assert talk.said == []


async def test_a_turn_may_follow_the_last_event_of_a_reply_at_once():
    talk = Talk("Yes.")
    following: list[asyncio.Task[None]] = []

    async def answer_at_once(index: int) -> None:
        if isinstance(talk.events[index], ReplyEnded) and not following:
            following.append(asyncio.create_task(talk.session.text_turn("And then?")))
            await asyncio.sleep(0)

    talk.events.watch = answer_at_once
    await talk.session.text_turn("Hello?")
    await talk.session.wait()
    await following[0]
    await talk.session.wait()
    assert not talk.events.of(TurnBroken)
    assert talk.said == [("user", "Hello?"), ("assistant", "Yes."), ("user", "And then?"), ("assistant", "Yes.")]


async def test_what_is_said_after_the_end_of_a_turn_belongs_to_the_next():
    talk = Talk("Yes.", answers=("first", "second"))
    await talk.session.take(voice(800))
    await talk.session.end_turn()
    await talk.session.take(voice(640))
    talk.session.clear()
    await talk.session.take(voice(320))
    await talk.session.wait()
    (final,) = talk.events.of(FinalHeard)
    assert (final.text, final.start_ms, final.end_ms) == ("first", 0, 800)


async def test_a_directive_in_front_decides_the_delivery_and_is_not_spoken():
    talk = Talk("[emo", "tion=awe speed", "=slow] ", "Look there.")
    await talk.session.text_turn("?!")
    await talk.session.wait()
    (chosen,) = talk.events.of(DeliveryChosen)
    assert chosen.tokens == "<|emotion:awe|><|prosody:speed_slow|>"
    assert [job.text for job in talk.engine.jobs] == ["Look there."]
    assert talk.engine.jobs[0].speed == 0.85


async def test_without_a_directive_the_scenario_decides():
    talk = Talk("Look there.")
    await talk.session.text_turn("Hm")
    await talk.session.wait()
    assert talk.events.of(DeliveryChosen)[0].values == {"emotion": "contentment"}


async def test_a_blank_typed_turn_fails_and_the_next_is_answered():
    talk = Talk("Yes.")
    await talk.session.text_turn(" \n")
    assert [(event.reason, event.field) for event in talk.events] == [("TEXT_EMPTY", "text_turn.text")]
    await talk.session.text_turn("And now?")
    await talk.session.wait()
    assert len(talk.events.of(ReplyEnded)) == 1


@pytest.mark.parametrize("turn", ["end_turn", "text_turn", "create_response"])
async def test_a_turn_while_a_reply_runs_fails_and_leaves_the_reply_alone(turn):
    talk = Talk("First one. ", "And the ", "second.")
    await talk.session.text_turn("Hello?")
    await talk.events.until(AudioOut)
    await getattr(talk.session, turn)(*([] if turn == "end_turn" else ["Again?"]))
    await talk.session.wait()
    (broken,) = talk.events.of(TurnBroken)
    assert broken.reason == "STREAM_ORDER"
    assert talk.events.of(ReplyEnded)[0].text == "First one. And the second."
    assert ("user", "Again?") not in talk.said


async def test_a_chat_model_that_fails_in_the_middle_fails_the_turn_once():
    talk = Talk("First one. ", "And then ", None)
    await talk.session.text_turn("Hello?")
    await talk.session.wait()
    (broken,) = talk.events.of(TurnBroken)
    assert (broken.reason, broken.utterance_id) == ("UPSTREAM_FAILED", "r1")
    assert not talk.events.of(ReplyEnded)
    assert talk.engine.num_open == talk.chat.num_open == 0


async def test_an_empty_answer_is_a_failure_of_the_chat_model():
    talk = Talk("...")
    await talk.session.text_turn("Hello?")
    await talk.session.wait()
    assert talk.events.of(TurnBroken)[0].reason == "UPSTREAM_FAILED"


async def test_text_only_makes_no_audio():
    talk = Talk("Yes. No.", is_text_only=True)
    await talk.session.text_turn("Hello?")
    await talk.session.wait()
    assert talk.engine.jobs == []
    assert talk.events.of(ReplyEnded)[0].text == "Yes. No."


async def test_directions_for_one_reply_stand_in_place_of_the_scenario():
    talk = Talk("Yes.")
    await talk.session.create_response("Rhyme.")
    await talk.session.wait()
    assert [(message.role, message.text) for message in talk.chat.jobs[0].messages] == [("system", "Rhyme.")]


async def test_history_keeps_of_a_cut_reply_what_was_heard():
    talk = Talk("One two. ", "Three four. ", "Five six.")
    await talk.session.text_turn("Count.")
    await talk.events.until(AudioOut, 12)
    first = talk.events.of(AudioOut)[:9]
    await talk.session.report_playback("r1", sum(out.num_samples for out in first))
    await talk.session.cancel()
    await talk.session.wait()
    assert talk.said == [("user", "Count."), ("assistant", "One two.")]


async def test_controls_without_a_reply_are_warnings():
    talk = Talk("Yes.")
    await talk.session.cancel()
    await talk.session.report_playback("r1", 5)
    await talk.session.text_turn("Hm")
    await talk.session.wait()
    await talk.session.report_playback("r1", 99_999_999)
    await talk.session.cancel()
    assert [event.code for event in talk.events.of(Notice) if event.code != "TAG_NOT_RENDERED"] == ["STALE_CONTROL"] * 4


@given(st.integers(0, 40), st.integers(1, 3))
def test_a_cancel_at_any_event_ends_the_reply_once_and_every_cancel_is_answered(index, times):
    async def run() -> Talk:
        talk = Talk("First one. ", "And the ", "second.")
        reached = asyncio.Event()

        async def watch(number: int) -> None:
            if number >= index or talk.events.of(*ENDS):
                reached.set()

        talk.events.watch = watch
        await talk.session.text_turn("Hello?")
        await asyncio.wait_for(reached.wait(), 5)
        for _ in range(times):
            await talk.session.cancel()
        await asyncio.wait_for(talk.session.wait(), 5)
        return talk

    talk = asyncio.run(run())
    assert len(talk.events.of(*ENDS)) == 1
    answers = len(talk.events.of(UtteranceCut)) + sum(n.code == "STALE_CONTROL" for n in talk.events.of(Notice))
    assert answers == times
    end = talk.events.index(talk.events.of(*ENDS)[0])
    assert all(isinstance(event, Notice) for event in talk.events[end + 1 :])
    assert talk.engine.num_open == talk.chat.num_open == 0
    for cut in talk.events.of(UtteranceCut):
        assert cut.samples_generated >= cut.samples_sent >= cut.samples_played
        sent = talk.events.of(AudioOut)
        assert cut.samples_sent == sum(out.num_samples for out in sent)
        if sent and cut.samples_sent not in (10 * CHUNK_SAMPLES, 25 * CHUNK_SAMPLES):  # where a sentence ends by itself
            assert sent[-1].data.endswith(b"\0\0"), "what is cut ends in silence"


async def test_closing_stops_engine_and_chat():
    talk = Talk(*["Word after word "] * 1000)
    await talk.session.text_turn("Hello?")
    await talk.events.until(AudioOut)
    await talk.session.close()
    assert talk.engine.num_open == talk.chat.num_open == 0
