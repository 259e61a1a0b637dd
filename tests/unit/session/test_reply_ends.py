import pytest

from antiphon_server.session.events import ReplyAudioEnded, ReplyEnded
from support.talks import Talk


@pytest.mark.parametrize(
    ("ends", "reason", "num_spoken"),
    [
        (("STOP", "STOP", "STOP"), "STOP", 3),
        (("STOP", "RUNAWAY", "STOP"), "RUNAWAY", 3),
        (("STOP", "DEADLINE"), "DEADLINE", 2),
    ],
)
async def test_a_reply_says_how_its_speech_ended_and_is_not_spoken_beyond_a_deadline(ends, reason, num_spoken):
    talk = Talk("One one. Two two. Three three.")
    talk.engine.ends = ends
    await talk.session.text_turn("Hello?")
    await talk.session.wait()
    (ended,) = talk.events.of(ReplyEnded)
    assert ended.finish_reason == reason
    assert ended.text == "One one. Two two. Three three."
    assert len(talk.engine.jobs) == num_spoken
    assert len(talk.events.of(ReplyAudioEnded)) == 1


async def test_all_replies_of_a_conversation_are_one_sequence():
    talk = Talk("One one. Two two.")
    for _ in range(2):
        await talk.session.text_turn("Hello?")
        await talk.session.wait()
    assert len(talk.engine.jobs) == 4
    assert len({job.sequence for job in talk.engine.jobs}) == 1
