"""The steps of Higgs Audio v3 STT that CUDA captures, run eagerly: the plain runner's ids, nothing read on the host."""

import time
from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from antiphon_server.engine.protocol import ListenJob
from antiphon_server.engine.runner import BROKEN, DecodePart, Draw, Heard, PrefillPart
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.engine.text_sequence import TextSequence
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.prompt import Thinking
from antiphon_server.model.stt.vocabulary import AUDIO_BEGIN
from antiphon_server.runtime.cuda.ear_steps import EarShape
from antiphon_server.runtime.cuda.graph_runner import GraphSettings
from antiphon_server.runtime.cuda.prefill_step import PrefillShape, shape_of
from antiphon_server.runtime.cuda.text_runner import TextGraphRunner
from antiphon_server.runtime.kernels.choice import choose
from antiphon_server.runtime.stt_ask import ask_for, cut_pcm
from antiphon_server.runtime.stt_runner import SttRunner
from support.listening import load_parts, pcm_of
from support.stepping import Ear as Listening
from support.stepping import run

TWINS = choose(is_triton=False)
SECONDS = (4.5, 0.1, 2.7, 4.0, 8.0, 7.3)
"""Rests of every kind: none, some, none but a rest, and one that is filled up."""
NUM_IDS = 12


@pytest.fixture(scope="module")
def asks(listening_tokenizer):
    return [ask(listening_tokenizer, seed, seconds) for seed, seconds in enumerate(SECONDS)]


def ask(tokenizer, seed, seconds, **how):
    job = ListenJob(pcm=pcm_of(seed, round(16_000 * seconds)))
    return replace(ask_for(job, tokenizer, thinking=Thinking.AUTO, **how), max_rows=NUM_IDS)


def graph_runner(parts, **changes):
    settings = {"num_blocks": 64, "max_sequences": 4, "is_eager": True, "buckets": (1, 4)} | changes
    runner = TextGraphRunner(*parts, TWINS, GraphSettings(**settings))
    runner.capture()
    return runner


def answers(runner, asks):
    """Rows of each, all asked for at once; and how each ended."""
    loop, heard = StepLoop(runner, time.monotonic, kind=TextSequence), []
    for each in asks:
        heard.append(Listening(loop))
        heard[-1].sequence = loop.submit(each, heard[-1])
    run(loop)
    assert loop.blocks.num_held == 0
    return [(one.sequence.rows, one.sequence.finish) for one in heard]


def assert_same(found, wanted):
    """Equal ids; their log probabilities to a thousandth, which may be rounded the other way."""
    assert [[row[0] for row in rows] for rows, _ in found] == [[row[0] for row in rows] for rows, _ in wanted]
    assert [finish for _, finish in found] == [finish for _, finish in wanted]
    for (rows, _), (theirs, _) in zip(found, wanted, strict=True):
        assert [row[1] for row in rows] == pytest.approx([row[1] for row in theirs], abs=1.01)


@pytest.fixture(scope="module")
def plain(listening_parts, asks):
    """What the plain runner answers."""
    return answers(SttRunner(*listening_parts, num_blocks=64, max_sequences=4), asks)


@pytest.fixture(scope="module")
def together(listening_parts, asks):
    """What the steps answer. There are more clips than places, so that some take a slot that another one had."""
    return answers(graph_runner(listening_parts), asks)


def test_the_steps_write_what_the_plain_runner_writes(together, plain):
    assert_same(together, plain)
    assert len({row for rows, _ in plain for row in rows}) > 2 * NUM_IDS
    assert len({row[0] for rows, _ in plain for row in rows}) > NUM_IDS // 2


def test_an_answer_alone_has_the_bits_of_one_among_others(listening_parts, asks, together):
    runner = graph_runner(listening_parts)
    assert [answers(runner, [asks[index]])[0] for index in (2, 5)] == [together[index] for index in (2, 5)]


def test_sound_of_more_than_one_part_is_heard_as_the_plain_runner_hears_it(listening_parts, listening_tokenizer):
    long = ask(listening_tokenizer, 5, 35.0)
    assert len(long.cuts) == 1
    runner = graph_runner(listening_parts)
    found = answers(runner, [replace(long, stop_ids=frozenset())])
    assert_same(found, answers(SttRunner(*listening_parts, num_blocks=64), [replace(long, stop_ids=frozenset())]))
    assert runner.num_eager_prefills == 1 + 2  # the shared beginning, and two of sound
    assert runner.graphs.num_misses == 0


def test_numbers_that_are_none_stay_with_the_sequence_that_made_them(listening, listening_tokenizer, asks, plain):
    """One that reads them is broken; one that takes its slot and its blocks afterwards is not."""
    ear, decoder = load_parts(listening)
    decoder.text_embedding[listening_tokenizer.encode("#")] = torch.nan
    broken = ask(listening_tokenizer, 1, 1.0, instruction="#")
    runner = graph_runner((ear, decoder))
    runner._cache.store.fill_(torch.nan)
    blocks, lay_out = list(range(40)), runner._modality.lay_out
    assert lay_out(PrefillPart(0, broken.prompt, 0, blocks, is_last=True)).shape == (len(broken.prompt), 2)
    runner.begin(0, Draw(seed=0))
    runner.prefill(PrefillPart(0, broken.prompt, 0, blocks, is_last=True))
    runner.launch([DecodePart(0, len(broken.prompt) + 1, blocks)])
    assert [runner.collect(), runner.collect()] == [[BROKEN], [BROKEN]]
    runner.end(0)
    assert_same(answers(runner, asks[:2]), plain[:2])


def test_a_part_that_is_not_whole_is_refused(listening_parts):
    runner = graph_runner(listening_parts)
    chunk, *others = cut_pcm(pcm_of(1, 9 * 64_000))
    with pytest.raises(ValueError, match="50 rows are heard for 49 places"):
        runner.prefill(PrefillPart(0, [AUDIO_BEGIN, *[chunk] * 49], 0, list(range(40)), is_last=True))
    everything = [one for each in (chunk, *others) for one in [each] * 50]
    with pytest.raises(ValueError, match="at most 8 chunks of 4 s"):
        runner.prefill(PrefillPart(0, everything, 0, list(range(40)), is_last=True))
    with pytest.raises(ValueError, match="at most 8 chunks of 4 s"):
        runner.prefill(PrefillPart(0, [Heard(bytes(2 * 64_160))] * 51, 0, list(range(40)), is_last=True))


def test_text_has_no_windows(listening_parts):
    runner = graph_runner(listening_parts)
    assert runner.collect_windows(must=True) is None
    assert runner.gauges()["graphs"] == len(runner.graphs.entries) == 2 + 8


def test_the_whole_context_has_shapes():
    assert shape_of(426, 32_768) == PrefillShape(512, 32_768)


def test_a_step_reads_nothing_on_the_host(listening):
    """Under fake tensors every value is unknown: whatever would read one raises, as it would break a capture."""
    with FakeTensorMode():
        ear, decoder = Ear(listening.config), TextDecoder(listening.config)
        runner = graph_runner((ear, decoder), buckets=(1, 8), max_sequences=8)
        keys = [entry.key for entry in runner.graphs.entries]
        for key in (1, 8, EarShape(1)):  # more chunks differ in nothing but their number
            runner.graphs.replay(key)
        ears = runner._modality._ears
        ears._write(ears._ear.hear(ears._mel(1, 20_000)), 350)
        runner._new_prefill(PrefillShape(16, 512), depth=1).step.run()
    assert keys == [1, 8, *(EarShape(num_chunks) for num_chunks in range(1, 9))]
