"""Weights that are no numbers where one request meets them: it fails by name, and its neighbour hears nothing of it."""

import time

import pytest
import torch

from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.engine.runner import Draw
from antiphon_server.engine.sequence import Ask, Finish
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.prompt import build_prompt
from antiphon_server.runtime.higgs_runner import HiggsRunner

SPOILT_TOKEN = 200
NUM_ROWS = 30


class Ear:
    def __init__(self):
        self.pcm, self.finish, self.failure = b"", None, None

    def take_audio(self, pcm):
        self.pcm += pcm

    def take_end(self, sequence):
        self.finish = sequence.finish

    def take_failure(self, error):
        self.failure = error


def speak(backbone, codec, *texts, seed=1):
    loop, ears = StepLoop(HiggsRunner(backbone, codec, num_blocks=60), time.monotonic), []
    for text in texts:
        prompt = build_prompt(text)
        ears.append(Ear())
        loop.submit(Ask(prompt.positions, prompt.num_prefix, Draw(seed=seed), NUM_ROWS), ears[-1])
    while loop.step():
        pass
    assert loop.blocks.num_held == 0
    return ears


@pytest.fixture(scope="module")
def backbone(checkpoint):
    backbone = Backbone(checkpoint.config, dtype=torch.float32)
    backbone.load(checkpoint)
    backbone.text_embedding[SPOILT_TOKEN] = torch.nan
    return backbone


def test_scores_that_are_no_numbers_are_a_named_failure_of_one_request(backbone, checkpoint):
    codec = HiggsCodec(checkpoint.read_codec())
    alone = speak(backbone, codec, (7, 8))[0]
    spoilt, beside = speak(backbone, codec, (7, SPOILT_TOKEN), (7, 8))
    assert spoilt.failure.reason == "ENGINE_FAILED"
    assert (spoilt.pcm, spoilt.finish) == (b"", None)
    assert (beside.failure, beside.finish) == (None, Finish.LENGTH)
    assert beside.pcm == alone.pcm != b""


def test_samples_that_are_no_numbers_are_a_named_failure(backbone, checkpoint):
    weights = checkpoint.read_codec()
    name = next(name for name in weights if name.startswith("acoustic_decoder") and name.endswith("bias"))
    weights[name] = torch.full_like(weights[name], torch.nan)
    ear = speak(backbone, HiggsCodec(weights), (7, 8))[0]
    assert ear.failure.reason == "ENGINE_FAILED"
    assert (ear.pcm, ear.finish) == (b"", None)
