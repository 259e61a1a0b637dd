"""The steps that CUDA captures, run eagerly here: the plain runner's codes and samples, nothing read on the host."""

import random
import time
import weakref
from contextlib import contextmanager

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.engine.runner import DecodePart, Draw, PrefillPart, WindowPart
from antiphon_server.engine.sequence import Ask
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.prompt import Reference, build_prompt
from antiphon_server.model.tokenizer import TextTokenizer
from antiphon_server.runtime.cuda import graph_runner as graph_runner_module
from antiphon_server.runtime.cuda.codec_step import WindowShape
from antiphon_server.runtime.cuda.graph_runner import GraphRunner, GraphSettings
from antiphon_server.runtime.cuda.lane import CpuLane
from antiphon_server.runtime.cuda.prefill_step import PrefillShape, PrefillStep
from antiphon_server.runtime.higgs_runner import HiggsRunner
from antiphon_server.runtime.kernels.choice import choose
from support.stepping import Ear, run

TWINS = choose(is_triton=False)
NUM_ROWS = 20
SENTENCES = ("Only this one counts.", "Two.", "A third, which is a little longer than the others are.")


@pytest.fixture(scope="module")
def parts(checkpoint):
    backbone = Backbone(checkpoint.config, dtype=torch.float32)
    backbone.load(checkpoint)
    return backbone, HiggsCodec(checkpoint.read_codec()), TextTokenizer(checkpoint.folder / "tokenizer.json")


def graph_runner(parts, **changes):
    settings = GraphSettings(**{"num_blocks": 64, "max_sequences": 8, "is_eager": True, "buckets": (1, 4, 8)} | changes)
    runner = GraphRunner(parts[0], parts[1], TWINS, settings)
    runner.capture()
    return runner


def prompts(parts):
    rows = tuple(tuple(random.Random(6).choices(range(1024), k=8)) for _ in range(30))
    reference = Reference(rows, tuple(parts[2].encode("as heard")))
    return [build_prompt(parts[2].encode(sentence), reference=reference).positions for sentence in SENTENCES]


def codes(runner, prompts, *, lag, draws=None):
    """Generate rows for all prompts at once, with up to ``lag`` launches under way."""
    blocks = [list(range(12 * index, 12 * index + 12)) for index in range(len(prompts))]
    rows, waiting = [[] for _ in prompts], []

    def collect():
        for slot, row in zip(waiting.pop(0), runner.collect(), strict=True):
            rows[slot].append(row)

    for slot, prompt in enumerate(prompts):
        runner.begin(slot, draws[slot] if draws else Draw(seed=slot, top_k=50, top_p=0.95))
        cut = 32  # as if a voice's prefix ended there
        for begin, end in ((0, cut), (cut, len(prompt))):
            part = PrefillPart(slot, prompt[begin:end], begin, blocks[slot], end == len(prompt))
            runner.prefill(part)
        waiting.append([slot])
        collect()
    for step in range(1, NUM_ROWS):
        slots = list(range(len(prompts)))
        runner.launch([DecodePart(slot, len(prompts[slot]) + step, blocks[slot]) for slot in slots])
        waiting.append(slots)
        if len(waiting) == lag:
            collect()
    while waiting:
        collect()
    return rows


def test_the_steps_draw_what_the_plain_runner_draws(parts):
    plain = HiggsRunner(parts[0], parts[1], num_blocks=64)
    wanted = codes(plain, prompts(parts), lag=1)
    assert codes(graph_runner(parts), prompts(parts), lag=2) == wanted
    assert len({row for rows in wanted for row in rows}) > 2 * NUM_ROWS


def test_a_request_is_the_same_in_every_bucket_where_the_products_have_the_same_rows(parts):
    together = codes(graph_runner(parts), prompts(parts), lag=2)
    alone = codes(graph_runner(parts), prompts(parts)[:1], lag=2)
    assert alone[0] == together[0]


def test_windows_come_back_in_order_with_the_plain_runners_samples(parts):
    rows = [tuple(random.Random(3).choices(range(1024), k=8)) for _ in range(60)]
    windows = [WindowPart(rows[:19], 0, 10), WindowPart(rows[:52], 10, 10), WindowPart(rows[3:11], 0, 0)]
    wanted = HiggsRunner(parts[0], parts[1], num_blocks=8).decode_windows(windows)
    runner = graph_runner(parts)
    runner.launch_windows(windows)
    runner.launch_windows(windows[:1])
    assert list(runner.collect_windows(must=True)) == list(wanted)
    assert list(runner.collect_windows(must=False)) == list(wanted[:1])
    assert runner.collect_windows(must=True) is None


def test_the_step_loop_gets_the_plain_runners_speech_from_it(parts):
    def speak(runner):
        loop, ears = StepLoop(runner, time.monotonic), []
        for seed, positions in enumerate(prompts(parts)):
            ears.append(Ear(loop))
            ears[-1].sequence = loop.submit(Ask(positions, 33, Draw(seed=seed), 40), ears[-1])
        run(loop)
        assert loop.blocks.num_held == 0
        return [(ear.pcm, ear.sequence.rows) for ear in ears]

    assert speak(graph_runner(parts)) == speak(HiggsRunner(parts[0], parts[1], num_blocks=64))


def test_numbers_that_are_none_stay_with_the_sequence_that_made_them(parts):
    """A freed block may hold them; neither prefill nor decode of another sequence may read them as if they counted."""
    runner = graph_runner(parts)
    runner._cache.store.fill_(torch.nan)
    assert codes(runner, prompts(parts), lag=2) == codes(graph_runner(parts), prompts(parts), lag=2)


class NotedLane(CpuLane):
    """Knows whether work is being asked for on it."""

    depth = 0

    @contextmanager
    def entered(self):
        self.depth += 1
        yield
        self.depth -= 1


def test_a_prompt_without_a_graph_is_laid_out_on_the_lane_that_computes_it_and_not_kept(parts, monkeypatch):
    """On CUDA another stream might still fill the new tensors, or reuse them while they are read."""
    made = []

    class NotedStep(PrefillStep):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            made.append((weakref.ref(self), runner._lane.depth))

    monkeypatch.setattr(graph_runner_module, "lane_on", lambda *_, **__: NotedLane())
    monkeypatch.setattr(graph_runner_module, "PrefillStep", NotedStep)
    runner = graph_runner(parts)
    runner.begin(0, Draw(seed=1))
    runner.prefill(PrefillPart(0, list(range(40)), 0, [0, 1, 2], is_last=True))
    assert runner.num_eager_prefills == len(runner.collect()) == 1
    (step, depth), *others = made
    assert (depth, others) == (1, [])
    assert step() is None


def test_windows_that_cannot_be_asked_for_leave_those_of_others_alone(parts):
    good, too_long = WindowPart([(1,) * 8] * 12, 0, 0), WindowPart([(1,) * 8] * 70, 0, 0)
    runner = graph_runner(parts)
    wanted = HiggsRunner(parts[0], parts[1], num_blocks=8).decode_windows([good])
    with pytest.raises(KeyError):
        runner.launch_windows([good, too_long])
    runner.launch_windows([good])
    assert list(runner.collect_windows(must=True)) == list(wanted)
    assert runner.collect_windows(must=True) is None


def test_more_sequences_than_the_largest_step_holds_are_refused(parts):
    with pytest.raises(ValueError, match="at most 8, the largest bucket, not 9"):
        graph_runner(parts, max_sequences=9)


def test_windows_of_no_numbers_are_told_from_sound(checkpoint, parts):
    weights = checkpoint.read_codec()
    codec = HiggsCodec({**weights, "fc2.bias": torch.full_like(weights["fc2.bias"], torch.nan)})
    runner = graph_runner((parts[0], codec, parts[2]))
    runner.launch_windows([WindowPart([(1,) * 8] * 12, 0, 0)])
    assert runner.collect_windows(must=True) == [None]


def test_nothing_runs_without_a_graph_unnoticed(parts):
    runner = graph_runner(parts)
    with pytest.raises(KeyError):
        runner.graphs.replay("never captured")
    assert runner.graphs.num_misses == 1
    with pytest.raises(ValueError, match="CUDA stream"):
        GraphRunner(parts[0], parts[1], TWINS, GraphSettings(num_blocks=64))


def test_a_step_reads_nothing_on_the_host(checkpoint):
    """Under fake tensors every value is unknown: whatever would read one raises, as it would break a capture."""
    with FakeTensorMode():
        backbone = Backbone(checkpoint.config)
        weights = {name: torch.empty(shape) for name, shape in checkpoint.codec.shapes().items()}
        settings = GraphSettings(num_blocks=64, max_sequences=8, is_eager=True, buckets=(1, 8))
        runner = GraphRunner(backbone, HiggsCodec(weights), TWINS, settings)
        runner.capture()
        for graphs in (runner.graphs, runner.codec_graphs):
            for entry in graphs.entries:
                if getattr(entry.key, "num_frames", 45) in (7, 45):  # the others differ in nothing but the length
                    graphs.replay(entry.key)
        runner._new_prefill(PrefillShape(16, 512), depth=1).step.run()
    keys = {entry.key for entry in (*runner.graphs.entries, *runner.codec_graphs.entries)}
    assert {1, 8, WindowShape(45, 1), WindowShape(7, 1)} <= keys
