"""Whole generations through the step loop and the runner: what a request hears does not depend on anyone else."""

import time

import numpy as np
import pytest
import torch

from antiphon_server.codec.delay import undelay
from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.engine.codec_plan import windows
from antiphon_server.engine.runner import Draw, WindowPart
from antiphon_server.engine.sequence import Ask
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.prompt import Reference, build_prompt
from antiphon_server.model.tokenizer import TextTokenizer
from antiphon_server.runtime.higgs_runner import INVARIANT_ROWS, HiggsRunner

NUM_ROWS = 24
PROBE = "Only this one counts."


class Ear:
    def __init__(self, loop):
        self.loop, self.pcm, self.sequence, self.end = loop, b"", None, None

    def take_audio(self, pcm):
        self.pcm += pcm
        self.loop.note_delivered(self.sequence, len(pcm) // 2)

    def take_end(self, sequence):
        self.end = sequence

    def take_failure(self, error):
        raise error


@pytest.fixture(scope="module")
def parts(checkpoint):
    backbone = Backbone(checkpoint.config, dtype=torch.float32)
    backbone.load(checkpoint)
    return backbone, HiggsCodec(checkpoint.read_codec()), TextTokenizer(checkpoint.folder / "tokenizer.json")


def generate(parts, sentences, *, loop=None, draw=None):
    backbone, codec, tokenizer = parts
    loop = loop or StepLoop(HiggsRunner(backbone, codec, num_blocks=700), time.monotonic)
    rows = tuple(map(tuple, torch.randint(0, 1024, (30, 8), generator=torch.Generator().manual_seed(6)).tolist()))
    reference, ears = Reference(rows, tuple(tokenizer.encode("as heard"))), []
    for seed, sentence in enumerate(sentences):
        prompt = build_prompt(tokenizer.encode(sentence), reference=reference)
        how = draw or Draw(seed=3 if sentence == PROBE else seed + 100, top_k=50, top_p=0.95)
        ears.append(Ear(loop))
        ears[-1].sequence = loop.submit(Ask(prompt.positions, prompt.num_prefix, how, NUM_ROWS), ears[-1])
    while loop.step():
        pass
    assert loop.is_idle
    assert loop.blocks.num_held == 0
    return ears


@pytest.fixture(scope="module")
def alone(parts):
    return generate(parts, [PROBE])[0]


def test_a_seeded_request_is_the_same_alone_among_63_others_and_after_a_restart(parts, alone):
    crowd = [f"Number {index}." for index in range(INVARIANT_ROWS - 1)]
    among = generate(parts, [*crowd[:40], PROBE, *crowd[40:]])[40]
    again = generate(parts, [PROBE])[0]
    assert alone.end.rows == among.end.rows == again.end.rows
    assert alone.pcm == among.pcm == again.pcm
    assert len(set(alone.end.rows)) > NUM_ROWS // 2


def test_a_cached_voice_gives_what_an_uncached_one_gave(parts, alone):
    backbone, codec, _ = parts
    loop = StepLoop(HiggsRunner(backbone, codec, num_blocks=700), time.monotonic)
    generate(parts, ["Something else first."], loop=loop)
    cached = generate(parts, [PROBE], loop=loop)[0]
    assert cached.end.rows == alone.end.rows
    assert cached.pcm == alone.pcm


def test_streamed_sound_is_the_whole_plans_sound_byte_for_byte(parts, alone):
    backbone, codec, _ = parts
    runner, rows = HiggsRunner(backbone, codec, num_blocks=8), alone.end.rows
    pieces = [
        WindowPart(rows[window.first : window.last + 7], window.begin - window.first, window.last - window.end)
        for window in windows(alone.end.num_frames)
    ]
    assert b"".join(runner.decode_windows(pieces)) == alone.pcm


def test_windows_differ_from_one_decode_by_less_than_a_step_of_the_scale(parts, alone):
    _, codec, _ = parts
    codes = torch.from_numpy(undelay(np.array(alone.end.rows)))
    whole = codec.decode(codes[None])[0].clamp(-1, 1).numpy() * 32767
    heard = np.frombuffer(alone.pcm, dtype="<i2")
    assert len(heard) == len(whole) == (NUM_ROWS - 7) * 960
    assert np.abs(heard - whole).max() <= 0.51
    assert heard.std() > 100


def test_another_seed_says_something_else(parts, alone):
    other = generate(parts, [PROBE], draw=Draw(seed=4, top_k=50, top_p=0.95))[0]
    assert other.end.rows != alone.end.rows


def test_greedy_needs_no_seed(parts):
    first, second = (generate(parts, [PROBE], draw=Draw(seed=seed, temperature=0.0))[0] for seed in (1, 2))
    assert first.end.rows == second.end.rows
