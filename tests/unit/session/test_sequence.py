import dataclasses
from typing import Any

import pytest

from antiphon_server.audio.format import Encoding, Format
from antiphon_server.engine.protocol import SpeechJob
from antiphon_server.engine.reference import SpeechReference
from antiphon_server.session.events import UtteranceEnded
from antiphon_server.session.sequence import CallSequence
from support.sessions import RATE_HZ, EchoSynthesizer, Events, speech_settings, spoken

HEARD = SpeechReference(b"\1\0" * 8, "What is said.")
OTHERS: dict[str, Any] = {
    "text": "Other.",
    "voice": "other",
    "language": "de",
    "speed": 1.5,
    "pitch_semitones": 1.0,
    "seed": 9,
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "max_new_tokens": 50,
    "tags": ("style:whisper",),
    "is_first": True,
    "reference": (HEARD,),
    "previous": (HEARD,),
    "continuity": "SEQUENCE",
    "max_context_segments": 2,
    "first_chunk_frames": 3,
    "options": {"caps": True},
}
WITHOUT_EFFECT = {"sequence": "other", "caller": "someone", "due_at": 5.0}


def token(settings_changes: dict[str, Any] | None = None, **changes: Any) -> str:
    replay = CallSequence().begin(speech_settings(**(settings_changes or {})))
    replay.speak(SpeechJob(**({"text": "Hello.", "voice": "tone", "sequence": "s"} | changes)))
    return replay.token


async def ended(parts: list[str], **changes: Any) -> list[UtteranceEnded]:
    events: Events = await spoken(parts, speech_settings(**changes))
    return events.of(UtteranceEnded)


def test_every_field_of_a_job_is_said_to_change_the_samples_or_not():
    assert {field.name for field in dataclasses.fields(SpeechJob)} == set(OTHERS) | set(WITHOUT_EFFECT)


@pytest.mark.parametrize("name", OTHERS)
def test_what_changes_the_samples_changes_the_token(name):
    assert token(**{name: OTHERS[name]}) != token()


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_who_asks_and_when_does_not(name):
    assert token(**{name: WITHOUT_EFFECT[name]}) == token()


def test_a_reference_is_not_mistaken_for_an_earlier_turn_nor_codes_for_a_transcript():
    other = SpeechReference(HEARD.codes + HEARD.transcript.encode())
    assert len({token(reference=(HEARD,)), token(previous=(HEARD,)), token(reference=(other,))}) == 3


@pytest.mark.parametrize(
    "changes",
    [{"model": "other"}, {"revision": "2" * 64}, *({"format": Format(e, r)} for e, r in ((Encoding.PCM_S16LE, 8_000),
     (Encoding.MP3, RATE_HZ)))],
)  # fmt: skip
def test_model_and_format_change_the_token(changes):
    assert token(changes) != token()


async def test_pauses_change_the_token():
    tokens = {(await ended(["One. Two."], segment_gap_ms=gap_ms))[0].replay_token for gap_ms in (0, 10, 20)}
    assert len(tokens) == 3


@pytest.mark.parametrize(("continuity", "is_equal"), [("", True), ("NONE", True), ("CONTEXT", False)])
async def test_utterances_of_a_call_stand_for_themselves_unless_the_engine_hears_the_others(continuity, is_equal):
    first, second = await ended(["One.", "\f", "One."], continuity=continuity)
    assert (first.replay_token == second.replay_token) is is_equal
    again, second_again = await ended(["One.", "\f", "One."], continuity=continuity)
    assert (again.replay_token, second_again.replay_token) == (first.replay_token, second.replay_token)


def test_after_an_utterance_that_was_cut_no_token_is_as_any_other():
    sequence, settings = CallSequence(), speech_settings(continuity="SEQUENCE")
    first = sequence.begin(settings).token
    assert len({first, sequence.begin(settings).token, sequence.begin(settings).token}) == 3


def test_an_utterance_that_the_clock_ended_is_equal_to_no_other():
    tokens = set()
    for _ in range(2):
        sequence = CallSequence()
        replay = sequence.begin(speech_settings())
        sequence.end(replay, is_repeatable=False)
        tokens.add(replay.token)
    assert len(tokens) == 2


async def test_all_utterances_of_a_call_are_one_sequence_that_no_other_call_has():
    engines = [EchoSynthesizer(), EchoSynthesizer()]
    for engine in engines:
        await spoken(["One.", "\f", "Two."], synthesizer=engine)
    one, other = ({job.sequence for job in engine.jobs} for engine in engines)
    assert len(one) == len(other) == 1
    assert one != other
