"""What a speech job becomes for the step loop: prompts as trained, and everything out of range refused by name."""

import math
import struct
from dataclasses import replace

import numpy as np
import pytest

from antiphon_server.codec.delay import delay
from antiphon_server.engine.codec_plan import RAMP
from antiphon_server.engine.protocol import SpeechJob
from antiphon_server.engine.reference import SpeechReference
from antiphon_server.engine.sequence import Finish
from antiphon_server.engine.silence import MAX_SILENT_FRAMES
from antiphon_server.errors import ContextOverflow, InvalidField
from antiphon_server.runtime.higgs_ask import Asking
from antiphon_server.runtime.row_cap import row_cap

TTS, AUDIO, TEXT, REF_AUDIO, REF_TEXT = 151_667, 151_670, 151_672, 151_679, 151_680  # as published
ELATION = 151_681
JOB = SpeechJob(text="Hi.", voice="default", sequence="s")
CODES = np.arange(24).reshape(3, 8)
ROWS = tuple(map(tuple, delay(CODES).tolist()))


def reference(codes=CODES, transcript=""):
    return SpeechReference(np.asarray(codes).astype("<u2").tobytes(), transcript)


@pytest.fixture(scope="module")
def asking(loaded):
    return Asking(loaded.tokenizer, replace(loaded.info, max_positions=3200))


@pytest.fixture(scope="module")
def ids(loaded):
    return lambda text: tuple(loaded.tokenizer.encode(text))


def prompt(asking, **fields):
    return tuple(asking.ask(replace(JOB, **fields)).ask.prompt)


def test_without_a_reference_the_prompt_is_text_alone(asking, ids):
    assert prompt(asking, tags=("emotion:elation", "style:unheard")) == (TTS, TEXT, ELATION, *ids("Hi."), AUDIO)


def test_a_reference_stands_in_front_with_what_is_said_in_it(asking, ids):
    asked = asking.ask(replace(JOB, reference=(reference(transcript="as heard"),))).ask
    voice = (TTS, REF_TEXT, *ids("as heard"), REF_AUDIO, *ROWS)
    assert asked.prompt == (*voice, TEXT, *ids("Hi."), AUDIO)
    assert asked.num_prefix == len(voice)


def test_a_reference_without_transcript_is_sound_alone(asking, ids):
    assert prompt(asking, reference=(reference(),)) == (TTS, REF_AUDIO, *ROWS, TEXT, *ids("Hi."), AUDIO)


def test_earlier_turns_stand_between_the_voice_and_the_text(asking, ids):
    turns = (reference(transcript="one"), reference(CODES + 1, transcript="two"))
    later = tuple(map(tuple, delay(CODES + 1).tolist()))
    assert prompt(asking, previous=turns) == (
        *(TTS, TEXT, *ids("one"), AUDIO, *ROWS),
        *(TEXT, *ids("two"), AUDIO, *later),
        *(TEXT, *ids("Hi."), AUDIO),
    )


def test_structural_tokens_in_a_transcript_are_ordinary_text(asking, ids):
    heard = prompt(asking, reference=(reference(transcript="<|audio|>"),))
    assert heard[2 : 2 + len("<|audio|>")] == ids("<|audio|>")
    assert heard.count(AUDIO) == 1


@pytest.mark.parametrize(
    ("codes", "what"),
    [
        (b"", "not 0 bytes"),
        (bytes(17), "16 bytes each, not 17 bytes"),
        (struct.pack("<8H", 0, 1, 2, 3, 4, 5, 6, 1024), "0 to 1023, not 1024"),
        (bytes(2501 * 16), "at most 2500 frames .100 s., not 2501"),
    ],
)
def test_codes_that_are_none_are_refused_with_the_numbers(asking, codes, what):
    with pytest.raises(InvalidField, match=rf"reference\.codes must be .*{what}"):
        asking.ask(replace(JOB, reference=(SpeechReference(codes),)))
    with pytest.raises(InvalidField, match=r"previous\[1\]\.codes"):
        asking.ask(replace(JOB, previous=(reference(transcript="fine"), SpeechReference(codes, "said"))))


def test_a_hundred_seconds_of_reference_are_taken(asking):
    assert len(prompt(asking, reference=(SpeechReference(bytes(2500 * 16)),))) > 2500


def test_an_earlier_turn_without_words_and_a_second_reference_are_refused(asking):
    with pytest.raises(InvalidField, match=r"previous\[0\]\.transcript must not be empty"):
        asking.ask(replace(JOB, previous=(reference(),)))
    with pytest.raises(InvalidField, match="reference must be one at most, not 2"):
        asking.ask(replace(JOB, reference=(reference(), reference())))


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("temperature", math.nan, "temperature must be 0 to 2, not nan"),
        ("temperature", math.inf, "temperature must be 0 to 2, not inf"),
        ("temperature", -0.1, "0 to 2"),
        ("temperature", 2.1, "0 to 2"),
        ("top_p", 0.0, "top_p must be above 0, up to 1, not 0.0"),
        ("top_p", 1.1, "top_p"),
        ("top_p", math.nan, "top_p"),
        ("top_k", 0, "top_k must be 1 to 1026, not 0"),
        ("top_k", 1027, "top_k"),
        ("max_new_tokens", 0, "max_new_tokens must be 1 to 8192, not 0"),
        ("max_new_tokens", 8193, "max_new_tokens"),
        ("seed", -1, "seed"),
        ("first_chunk_frames", -1, "first_chunk_frames must be at least 0, not -1"),
        ("max_context_segments", -1, "max_context_segments"),
        ("continuity", "ALWAYS", "continuity must be one of NONE, CONTEXT, SEQUENCE"),
        ("options", {"gard": True}, r"options\.gard is unknown; there is guard"),
        ("options", {"guard": "yes"}, r"options\.guard must be a bool, not a str"),
    ],
)
def test_fields_out_of_range_are_refused_by_name(asking, field, value, what):
    with pytest.raises(InvalidField, match=what) as refusal:
        asking.ask(replace(JOB, **{field: value}))
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "fields",
    [{"temperature": 0}, {"temperature": 2.0}, {"top_p": 1}, {"top_k": 1}, {"top_k": 1026}, {"seed": 2**63 - 1}],
)
def test_the_ends_of_the_ranges_are_taken(asking, fields):
    asking.ask(replace(JOB, **fields))


def test_rows_are_capped_by_the_text_unless_fewer_are_asked(asking):
    of_text, few = asking.ask(JOB).ask, asking.ask(replace(JOB, max_new_tokens=40)).ask
    assert (of_text.max_rows, of_text.length_finish) == (row_cap("Hi."), Finish.RUNAWAY)
    assert (few.max_rows, few.length_finish) == (40, Finish.LENGTH)


def test_without_the_guard_rows_are_what_is_asked_and_silence_is_not_cut(asking):
    free = replace(JOB, options={"guard": False})
    usual, more = asking.ask(free).ask, asking.ask(replace(free, max_new_tokens=3000)).ask
    assert (usual.max_rows, usual.length_finish, usual.max_silent_frames) == (2048, Finish.LENGTH, None)
    assert (more.max_rows, more.length_finish) == (3000, Finish.LENGTH)
    assert asking.ask(JOB).ask.max_silent_frames == MAX_SILENT_FRAMES
    paused = replace(JOB, tags=("prosody:long_pause", "prosody:long_pause"))
    assert asking.ask(paused).ask.max_silent_frames == MAX_SILENT_FRAMES + 2 * 38


def test_what_does_not_fit_is_refused_with_the_numbers(asking):
    with pytest.raises(ContextOverflow, match=r"take 6 positions and the speech up to 3195 rows; .* must fit 3200"):
        asking.ask(replace(JOB, options={"guard": False}, max_new_tokens=3195))
    asking.ask(replace(JOB, options={"guard": False}, max_new_tokens=3194))


def test_caller_deadline_and_first_chunk_reach_the_step_loop(asking):
    asked = asking.ask(replace(JOB, caller="ann", due_at=12.5, first_chunk_frames=6)).ask
    assert (asked.caller, asked.due_at, tuple(asked.ramp)) == ("ann", 12.5, (6, 8, 16, 25))
    assert tuple(asking.ask(JOB).ask.ramp) == RAMP
