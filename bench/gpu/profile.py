"""Which kernels a decode step spends its time in: the profiler's sums over replays of one graph."""

from collections.abc import Iterator

import torch

from bench.gpu.decode import speaking_steps
from bench.gpu.model import make_backbone
from bench.gpu.record import Record
from bench.gpu.setting import Setting

_NUM_REPLAYS = 5
_NUM_SHOWN = 14
_BUCKETS = (1, 64)


def measure(setting: Setting, record: Record) -> None:
    """Profile the smallest and the largest bucket."""
    steps = speaking_steps(setting, make_backbone(setting, torch.bfloat16))
    num_replays = min(_NUM_REPLAYS, setting.scale.replays)
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if setting.device == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    for bucket in (size for size in setting.scale.buckets if size in _BUCKETS):
        steps.times(bucket, is_invariant=True)
        with torch.profiler.profile(activities=kinds) as profiler:
            steps.replays.again((True, bucket), num_replays)
        told = sorted(_kernels(profiler, num_replays, is_cuda=setting.device == "cuda"), reverse=True)
        total = sum(us for us, _, _ in told)
        record.figure("time in kernels", [total / 1000], "ms", of={"bucket": bucket})
        for us, num, name in told[:_NUM_SHOWN]:
            of = {"bucket": bucket, "kernel": name[:90]}
            record.figure("time in one kernel", [us], "us", of=of, calls=num, percent=100 * us / max(total, 1e-9))


def _kernels(
    profiler: torch.profiler.profile, num_replays: int, *, is_cuda: bool
) -> Iterator[tuple[float, float, str]]:
    """Microseconds and calls of each kernel per replay, with its name."""
    for event in profiler.key_averages():
        us = event.self_device_time_total if is_cuda else event.self_cpu_time_total
        if us > 0:
            yield us / num_replays, event.count / num_replays, event.key
