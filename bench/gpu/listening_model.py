"""The listening model with weights of seeded noise, made on the device, and clips for it. No tokenizer is needed."""

import random
from dataclasses import dataclass

import numpy as np
import torch

from antiphon_server.engine.runner import Draw, Heard, Position
from antiphon_server.engine.sequence import Ask
from antiphon_server.model.stt.chunks import CHUNKS_AT_ONCE, SAMPLE_RATE, num_rows
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.make import STT_SIZES, spread
from antiphon_server.model.stt.vocabulary import AUDIO_BEGIN, AUDIO_END, TURN_BEGIN, TURN_END
from antiphon_server.runtime.cuda.device import set_numerics
from antiphon_server.runtime.cuda.text_runner import TextGraphRunner
from antiphon_server.runtime.stt_ask import cut_pcm
from bench.gpu.model import graph_settings, make_kernels, noise
from bench.gpu.setting import Setting

_GREEDY = Draw(seed=0, temperature=0.0)
_NUM_BEFORE, _NUM_BEHIND = 20, 6
"""Ids around the sound; the published instruction and a common vocabulary have about as many."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Both halves."""

    ear: Ear
    decoder: TextDecoder


def make_listening(setting: Setting, dtype: torch.dtype) -> Listening:
    """Make a model; what it writes are random ids."""
    set_numerics()
    config = STT_SIZES[setting.size]
    made = Listening(Ear(config, dtype=dtype, device=setting.device),
                     TextDecoder(config, dtype=dtype, device=setting.device))  # fmt: skip
    for name, tensor in {**dict(made.decoder.named()), **made.ear.weights}.items():
        mean, deviation = spread(name, tuple(tensor.shape))
        tensor.normal_(mean, deviation, generator=noise(name, setting.seed, setting.device))
    return made


def make_text_runner(setting: Setting, model: Listening, *, is_eager: bool = False) -> TextGraphRunner:
    """Make a ``batch_invariant`` runner that is ready; on a CPU it is always an eager one."""
    settings = graph_settings(setting, is_eager=is_eager)
    runner = TextGraphRunner(model.ear, model.decoder, make_kernels(setting.device), settings)
    runner.capture()
    return runner


def make_ask(setting: Setting, seed: int, seconds: float, num_ids: int) -> Ask:
    """Ask for ``num_ids`` ids of a clip of its own; nothing ends them before."""
    prompt: list[Position] = [TURN_BEGIN, *_letters(setting.seed, _NUM_BEFORE - 2), AUDIO_BEGIN]
    ends = []
    for chunk in clip(seed * 7919 + setting.seed, seconds):
        prompt += [chunk] * num_rows(len(chunk.pcm) // 2)
        ends.append(len(prompt))
    prompt += [AUDIO_END, TURN_END, *_letters(setting.seed + 1, _NUM_BEHIND - 3), TURN_BEGIN]
    cuts = ends[CHUNKS_AT_ONCE - 1 : -1 : CHUNKS_AT_ONCE]
    return Ask(prompt, _NUM_BEFORE, _GREEDY, num_ids, cuts=cuts)


def clip(seed: int, seconds: float) -> list[Heard]:
    """A tone that glides, in noise, cut into chunks."""
    made, places = np.random.default_rng(seed), np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = made.uniform(80, 600) + made.uniform(10, 60) * np.sin(places * made.uniform(1, 20))
    tone = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE)
    samples = tone + made.uniform(0.01, 0.1) * made.standard_normal(len(places))
    return cut_pcm((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())


def _letters(seed: int, num: int) -> list[int]:
    return random.Random(seed).choices(range(64, 90), k=num)
