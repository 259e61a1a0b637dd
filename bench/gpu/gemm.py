"""The model's five matrix products by number of rows, with more weights than the cache holds: what 64 rows cost."""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.model.make import SIZES
from antiphon_server.runtime.cuda.device import set_numerics
from bench.gpu.bandwidth import read_bandwidth
from bench.gpu.model import noise, product_shapes
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.timing import Replays

_ROTATED_BYTES = 1 << 30
"""Weights that are read in turns; the cache of an H200 holds 60 MB."""
_NUM_REPLAYS = 10


def measure(setting: Setting, record: Record) -> None:
    """Time each product alone, and sum them up to a step's products."""
    set_numerics()
    replays, steps_ms = Replays(setting.device), dict.fromkeys(setting.scale.buckets, 0.0)
    speed, step_bytes = read_bandwidth(setting), 0
    for name, (num_out, num_in, count) in product_shapes(SIZES[setting.size].backbone).items():
        num_bytes = num_out * num_in * 2
        weights = _weights(setting, name, num_out, num_in)
        step_bytes += num_bytes * count
        for rows in setting.scale.buckets:
            times = _times(setting, replays, name, weights, rows)
            median = sorted(times)[len(times) // 2]
            steps_ms[rows] += median * count
            record.figure(
                "matrix product",
                [ms * 1000 for ms in times],
                "us",
                of={"product": name, "rows": rows},
                bytes=num_bytes,
                of_read_limit=num_bytes / speed * 1000 / median,
            )
    most = max(steps_ms)
    for rows, ms in steps_ms.items():
        record.figure(
            "all products of a step",
            [ms],
            "ms",
            of={"rows": rows},
            of_read_limit=step_bytes / speed * 1000 / ms,
            most_rows_cost_percent=(steps_ms[most] / ms - 1) * 100,
        )


def _weights(setting: Setting, name: str, num_out: int, num_in: int) -> list[Tensor]:
    made = noise(name, setting.seed, setting.device)
    rotated = _ROTATED_BYTES if setting.size == "full" else 1 << 20
    num = max(2, -(-rotated // (num_out * num_in * 2)))
    return [
        torch.empty(num_out, num_in, dtype=torch.bfloat16, device=setting.device).normal_(
            0, num_in**-0.5, generator=made
        )
        for _ in range(num)
    ]


def _times(setting: Setting, replays: Replays, name: str, weights: list[Tensor], rows: int) -> list[float]:
    """Milliseconds of one product; a replay has one with each of the weights."""
    made = noise("inputs", setting.seed, setting.device)
    inputs = torch.randn(rows, weights[0].shape[1], generator=made, device=setting.device).bfloat16()

    def all_weights() -> None:
        for weight in weights:
            F.linear(inputs, weight)

    return [
        ms / len(weights) for ms in replays.time((name, rows), all_weights, min(_NUM_REPLAYS, setting.scale.replays))
    ]
