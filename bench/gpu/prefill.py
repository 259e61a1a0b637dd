"""Prefill of one prompt, by its number of tokens."""

import time

import torch

from antiphon_server.engine.runner import Draw, PrefillPart
from bench.gpu.model import BLOCK_SIZE, kv_bytes, make_backbone, make_decoder, make_runner, weight_bytes
from bench.gpu.record import Record
from bench.gpu.setting import Setting

_FIRST_LETTER, _NUM_LETTERS = 64, 26


def measure(setting: Setting, record: Record) -> None:
    """Time each from asking for it to its first row on the host; nothing else is under way."""
    model = make_backbone(setting, torch.bfloat16)
    runner = make_runner(setting, model, make_decoder(setting))
    per_token = 2 * (weight_bytes(model) - model.code_embedding.numel() * model.dtype.itemsize) / model.dtype.itemsize
    record.fact(kv_bytes_per_position=kv_bytes(model.config, model.dtype))
    for num_tokens in setting.scale.token_buckets:
        positions = [_FIRST_LETTER + index * 7 % _NUM_LETTERS for index in range(num_tokens)]
        blocks = list(range(-(-num_tokens // BLOCK_SIZE) + 1))
        times, before = [], runner.num_eager_prefills
        for _ in range(max(3, setting.scale.replays // 4)):
            runner.begin(0, Draw(seed=1, top_k=50))
            began_at = time.perf_counter()
            runner.prefill(PrefillPart(0, positions, 0, blocks, is_last=True))
            runner.collect()
            times.append((time.perf_counter() - began_at) * 1000)
            runner.end(0)
        median_s = sorted(times)[len(times) // 2] / 1000
        record.figure(
            "prefill",
            times[1:],
            "ms",
            of={"tokens": num_tokens},
            is_graph=runner.num_eager_prefills == before,
            tflops=per_token * num_tokens / median_s / 1e12,
        )
