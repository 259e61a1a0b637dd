"""Higgs Audio v3 STT through the step loop: the ids of the public implementation, alone or among others."""

import asyncio
import time
from dataclasses import replace

import pytest
import torch

from antiphon_server.engine.protocol import ListenJob
from antiphon_server.engine.sequence import Finish
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.engine.text_sequence import TextSequence
from antiphon_server.model.stt.prompt import Thinking
from antiphon_server.model.stt.vocabulary import STOP_IDS
from antiphon_server.runtime.step_thread import StepThread
from antiphon_server.runtime.stt_ask import ask_for
from antiphon_server.runtime.stt_runner import SttRunner
from support.listening import pcm_of
from support.stt_reference import SttReference

MARGIN = 2e-5
NUM_BEHIND = 14
"""Positions behind the sound: with one token a byte, "assistant" and its line end have ten."""
SECONDS = (0.1, 1.0, 2.7, 4.0, 4.5, 7.3, 8.0)


@pytest.fixture(scope="module")
def asks(listening_tokenizer):
    clips = [pcm_of(seed, round(16_000 * seconds)) for seed, seconds in enumerate(SECONDS)]
    return [short(ask_for(ListenJob(pcm=pcm), listening_tokenizer, thinking=Thinking.AUTO)) for pcm in clips]


def short(ask):
    """The same with an answer of a few ids."""
    return replace(ask, max_rows=16)


def answers(parts, asks, *, max_sequences=4):
    """What each of them is answered, all asked for at once."""
    runner = SttRunner(*parts, num_blocks=512, max_sequences=max_sequences)
    loop = StepLoop(runner, time.monotonic, kind=TextSequence)
    steps = StepThread(loop)

    async def one(ask):
        async for item in steps.generate(ask):
            return item
        raise AssertionError("no end")

    async def all_of_them():
        return await asyncio.gather(*(one(ask) for ask in asks))

    return asyncio.run(all_of_them())


def ids(sequence):
    return [row[0] for row in sequence.rows]


def test_ids_and_ends_are_those_of_the_public_implementation(listening, listening_parts, asks, listening_tokenizer):
    reference = SttReference(listening.folder)
    found = answers(listening_parts, asks)
    num_clear = num_ids = 0
    for sequence, ask, (seed, seconds) in zip(found, asks, enumerate(SECONDS), strict=True):
        samples = torch.frombuffer(bytearray(pcm_of(seed, round(16_000 * seconds))), dtype=torch.int16) / 32768
        samples = torch.nn.functional.pad(samples, (0, max(0, 2560 - len(samples))))
        before = list(ask.prompt[: ask.num_prefix])
        after = [position for position in ask.prompt[ask.num_prefix :] if isinstance(position, int)]
        drawn = ids(sequence) + ([151_645] if sequence.finish is Finish.STOP else [])
        embedded = reference.embed(before, reference.hear(samples), [*after, *drawn[:-1]])
        scores = reference.logits(embedded, num_last=len(drawn))
        best = scores.topk(2, dim=-1)
        is_clear = best.values[:, 0] - best.values[:, 1] > MARGIN
        expected = best.indices[:, 0]
        assert [a for a, clear in zip(drawn, is_clear, strict=True) if clear] == expected[is_clear].tolist()
        log_probs = scores.log_softmax(-1).max(-1).values[: len(sequence.rows)]
        assert [row[1] for row in sequence.rows] == pytest.approx((log_probs * 1000).tolist(), abs=1.5)
        num_clear, num_ids = num_clear + int(is_clear.sum()), num_ids + len(drawn)
    assert num_clear >= 0.98 * num_ids >= 60
    assert {sequence.finish for sequence in found} >= {Finish.STOP}
    assert not any(STOP_IDS & set(ids(sequence)) for sequence in found)


def test_an_answer_alone_has_the_bits_of_one_among_others(listening_parts, asks):
    together = [sequence.rows for sequence in answers(listening_parts, asks)]
    alone = [answers(listening_parts, [ask])[0].rows for ask in asks[::3]]
    assert alone == together[::3]


def test_sound_of_more_than_one_part_is_answered_as_in_one(listening_parts, listening_tokenizer):
    """Nine chunks are heard in two steps; positions and keys are the same, so are the ids."""
    job = ListenJob(pcm=pcm_of(5, 16_000 * 35))
    ask = replace(short(ask_for(job, listening_tokenizer, thinking=Thinking.AUTO)), stop_ids=frozenset())
    assert list(ask.cuts) == [ask.num_prefix + 400]
    assert len(ask.prompt) == ask.num_prefix + 400 + 38 + NUM_BEHIND
    one, other = (answers(listening_parts, [each])[0].rows for each in (ask, replace(ask, cuts=())))
    assert [row[0] for row in one] == [row[0] for row in other]
    assert len(one) == 16
