"""How long each kernel takes at real shapes, and how much of the read bandwidth it uses."""

import statistics
from collections.abc import Callable
from typing import Any

import torch

from antiphon_server.model.make import SIZES
from antiphon_server.runtime.cuda.device import set_numerics
from bench.gpu.bandwidth import read_bandwidth
from bench.gpu.kernel_cases import CASES, Case, Shape
from bench.gpu.kernels import functions
from bench.gpu.record import Record, Skipped
from bench.gpu.setting import Setting
from bench.gpu.timing import Replays

_BATCHES = (1, 16, 64)
_NUM_LAYERS = 36
_MOST_BYTES = 4 << 30


def measure(setting: Setting, record: Record) -> None:
    """Time a graph of as many calls as a model has layers, each with arguments of its own."""
    if setting.device != "cuda":
        raise Skipped("kernels need a CUDA device")
    set_numerics()
    speed, replays = read_bandwidth(setting), Replays("cuda")
    for case in CASES:
        found = functions(case.name)
        if isinstance(found, str):
            record.not_measured(case.name, found)
            continue
        for batch in _BATCHES:
            shape = Shape(
                SIZES[setting.size].backbone, batch, setting.scale.context, torch.bfloat16, "cuda", setting.seed
            )
            for label, function in zip(("kernel", "twin"), found, strict=True):
                try:
                    each = _times(replays, case, shape, label, function)
                except Exception as error:  # noqa: BLE001 - the other kernels are still worth timing
                    reason = f"{type(error).__name__}: {error}"[:300]
                    record.not_measured(f"{case.name}, {batch} rows, {label}", reason)
                    continue
                num_bytes = case.num_bytes(shape)
                fraction = num_bytes / (statistics.median(each) * 1e-6) / speed
                of = {"kernel": case.name, "rows": batch, "by": label}
                record.figure("kernel", each, "us", of=of, bytes=num_bytes, of_read_limit=fraction)


def _times(replays: Replays, case: Case, shape: Shape, label: str, function: Callable[..., Any]) -> list[float]:
    """Microseconds of one call."""
    calls = [case.make(shape) for _ in range(_num_calls(case.num_bytes(shape)))]

    def all_calls() -> None:
        for arguments in calls:
            function(*arguments)

    times = replays.time((case.name, shape.batch, label), all_calls, 20)
    return [ms * 1000 / len(calls) for ms in times]


def _num_calls(num_bytes: float) -> int:
    return max(2, min(_NUM_LAYERS, int(_MOST_BYTES / max(1.0, num_bytes))))
