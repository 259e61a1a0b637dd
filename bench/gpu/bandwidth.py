"""How fast the device's memory can be read, and copied: the limits that everything else is held against."""

import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from bench.gpu.model import noise
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.timing import elapsed_ms

READ, COPY = "read bandwidth", "copy bandwidth"
_NUM = 30


def measure(setting: Setting, record: Record) -> None:
    """Read and copy several gigabytes of noise."""
    source = _noise(setting)
    num_bytes = source.numel() * source.element_size()
    target = torch.empty_like(source)
    _record(setting, record, COPY, "copy", lambda: target.copy_(source), 2 * num_bytes)
    for how, read in _reads(setting, source):
        _record(setting, record, READ, how, read, num_bytes)


def read_bandwidth(setting: Setting) -> float:
    """Bytes a second of the faster way to read, measured now; for stages that hold themselves against it."""
    source = _noise(setting)
    num_bytes = source.numel() * source.element_size()
    best_ms = min(statistics.median(_timed(setting, read)) for _, read in _reads(setting, source))
    return num_bytes / best_ms * 1000


def _noise(setting: Setting) -> Tensor:
    made = noise("bandwidth", setting.seed, setting.device)
    return torch.randn(setting.scale.bandwidth_bytes // 4, generator=made, device=setting.device)


def _reads(setting: Setting, source: Tensor) -> list[tuple[str, Callable[[], object]]]:
    total = torch.empty((), device=source.device)
    ways: list[tuple[str, Callable[[], object]]] = [("torch sum", lambda: torch.sum(source, 0, out=total))]
    if setting.device == "cuda":
        try:
            from bench.gpu.read_kernel import reader  # noqa: PLC0415 - triton may be missing
        except ModuleNotFoundError:
            return ways
        ways.append(("triton", reader(source)))
    return ways


def _timed(setting: Setting, work: Callable[[], object]) -> list[float]:
    device, num = torch.device(setting.device), min(_NUM, 10 * setting.scale.replays)
    elapsed_ms(device, work, 3)
    return elapsed_ms(device, work, num)


def _record(setting: Setting, record: Record, name: str, how: str, work: Callable[[], object], num_bytes: int) -> None:
    speeds = [num_bytes / ms / 1e9 for ms in _timed(setting, work)]
    record.figure(name, speeds, "TB/s", of={"how": how}, bytes=num_bytes)
