"""The Higgs Synthesizer with a tiny model: cloned voices, segments that go on from each other, and honest ends."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace

import numpy as np
import pytest

from antiphon_server.engine.protocol import SpeechChunk, SpeechJob
from antiphon_server.engine.reference import ReferenceClip
from antiphon_server.errors import ContextOverflow, DeadlineTooShort, UnknownVoice
from antiphon_server.runtime.higgs import HiggsSynthesizer

JOB = SpeechJob(text="Only this counts.", voice="default", sequence="a", max_new_tokens=120)
"""The tiny model ends it by itself after 21 rows; later segments end wherever they do."""


async def speak(engine, **fields):
    items = [item async for item in engine.speak(replace(JOB, **fields))]
    assert all(isinstance(item, SpeechChunk) and len(item.pcm) <= 3840 for item in items[:-1])
    return b"".join(item.pcm for item in items[:-1]), items[-1]


def clip(seconds=1.2, *, seed=1):
    samples = np.random.default_rng(seed).integers(-6000, 6000, int(24_000 * seconds))
    return ReferenceClip(samples.astype("<i2").tobytes(), 24_000)


@pytest.fixture
def engine(loaded):
    return HiggsSynthesizer(loaded)


async def test_a_cloned_voice_is_the_same_whether_its_prefix_is_cached_or_not(engine, loaded):
    voice = replace(await engine.encode(clip()), transcript="as heard")
    other = await engine.encode(clip(seed=2))
    fields = {"reference": (voice,), "voice": "whatever", "max_new_tokens": 24, "seed": 5, "continuity": "NONE"}
    first, _ = await speak(engine, **fields)
    assert (await engine.stats()).counters["prefix_hit_positions"] == 0
    await speak(engine, **{**fields, "text": "Something else."})
    again, end = await speak(engine, **fields)
    fresh, _ = await speak(HiggsSynthesizer(loaded), **fields)
    assert (await engine.stats()).counters["prefix_hit_positions"] > 0
    assert first == again == fresh
    assert end.input_tokens == 1 + 1 + len("as heard") + 1 + 1 + len(JOB.text) + 1
    assert end.input_audio_ms == 1200
    for changed in ({"reference": (other,)}, {"reference": (replace(voice, transcript=""),)}):
        assert (await speak(engine, **{**fields, **changed}))[0] != first


async def test_speech_and_encodes_go_on_beside_each_other(engine):
    alone, _ = await speak(engine, seed=5, continuity="NONE", max_new_tokens=40)
    (beside, _), *codes = await asyncio.gather(
        speak(engine, seed=5, continuity="NONE", max_new_tokens=40), *(engine.encode(clip(3, seed=9)) for _ in range(2))
    )
    assert beside == alone
    assert codes[0] == codes[1]
    assert len(codes[0].codes) == 75 * 16


async def test_a_segment_goes_on_from_the_one_before_unless_it_is_to_stand_alone(engine):
    _, first = await speak(engine)
    assert first.finish_reason == "STOP"
    heard, end = await speak(engine, seed=1, max_new_tokens=20)
    alone, _ = await speak(engine, seed=1, max_new_tokens=20, continuity="NONE")
    fresh, fresh_end = await speak(engine, seed=1, max_new_tokens=20, sequence="b")
    assert alone == fresh != heard
    assert end.input_tokens == fresh_end.input_tokens + len(JOB.text) + 2


async def test_the_same_segments_with_the_same_seeds_are_the_same_samples_in_every_sequence(engine, loaded):
    told = [
        [await speak(each, seed=seed, sequence=sequence, max_new_tokens=30) for seed in (0, 1)]
        for each, sequence in ((engine, "a"), (engine, "b"), (HiggsSynthesizer(loaded), "a"))
    ]
    assert [pcm for pcm, _ in told[0]] == [pcm for pcm, _ in told[1]] == [pcm for pcm, _ in told[2]]


async def test_a_segment_that_was_cut_or_given_up_is_not_heard_of(engine):
    plain = (await speak(engine, max_new_tokens=12, sequence="b"))[1]
    assert plain.finish_reason == "LENGTH"
    await speak(engine, max_new_tokens=12)
    async with aclosing(engine.speak(JOB)) as items:
        await anext(items)
    assert (await speak(engine, max_new_tokens=12))[1].input_tokens == plain.input_tokens


async def test_earlier_turns_change_what_is_said(engine):
    turn = replace(await engine.encode(clip()), transcript="Well then.")
    fields = {"max_new_tokens": 20, "continuity": "NONE"}
    plain, told = await speak(engine, **fields), await speak(engine, **fields, previous=(turn,))
    assert plain[0] != told[0]
    assert told[1].input_tokens == plain[1].input_tokens + 1 + len("Well then.") + 1
    assert (plain[1].input_audio_ms, told[1].input_audio_ms) == (0, 1200)


@pytest.mark.parametrize(
    ("fields", "finish", "num_rows"),
    [
        ({}, "STOP", 21),
        ({"max_new_tokens": 9}, "LENGTH", 9),
        ({"text": "", "max_new_tokens": 400, "temperature": 0.0}, "RUNAWAY", 150),
        ({"text": "", "max_new_tokens": 160, "temperature": 0.0, "options": {"guard": False}}, "LENGTH", 160),
    ],
)
async def test_what_ended_the_speech_is_what_the_end_says(engine, fields, finish, num_rows):
    pcm, end = await speak(engine, **fields)
    assert (end.finish_reason, end.output_tokens) == (finish, num_rows)
    assert len(pcm) == (num_rows - 7) * 1920


async def test_what_does_not_fit_and_voices_that_are_not_there_are_refused(engine):
    with pytest.raises(ContextOverflow, match="must fit 3200"):
        await speak(engine, max_new_tokens=8192, options={"guard": False})
    with pytest.raises(UnknownVoice, match="'mary' is not default"):
        await speak(engine, voice="mary")


async def test_tokens_are_counted_as_the_model_reads_them(engine):
    assert await engine.count_tokens(("", "abc", "<|audio|>", "ü")) == (0, 3, 9, 2)
    assert (await engine.info()).counts_tokens


async def test_a_deadline_that_is_too_near_refuses_a_first_segment_and_ends_a_later_one(engine):
    await speak(engine, max_new_tokens=24)  # now it knows how long it takes
    with pytest.raises(DeadlineTooShort):
        await speak(engine, due_at=time.monotonic(), is_first=True)
    pcm, end = await speak(engine, due_at=time.monotonic())
    assert (pcm, end.finish_reason) == (b"", "DEADLINE")
