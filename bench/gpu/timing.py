"""How long device work takes: graphs on a stream, timed by events; on a CPU the work itself, by the clock."""

import time
from collections.abc import Callable, Hashable
from itertools import pairwise

import torch

from antiphon_server.runtime.cuda.catalogue import GraphCatalogue
from antiphon_server.runtime.cuda.lane import lane_on


class Replays:
    """Work that is captured once and timed often."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        self.lane = lane_on(self.device, is_urgent=True)
        self.graphs = GraphCatalogue(self.lane, is_eager=self.device.type != "cuda")

    def time(self, key: Hashable, work: Callable[[], object], num: int) -> list[float]:
        """Capture ``work`` under a key that is not taken, and time it."""

        def captured() -> None:
            with torch.inference_mode():
                work()

        wait_for(self.device.type)  # what the default stream is still filling
        self.graphs.capture(key, captured)
        self.again(key, max(2, num // 10))
        return self.again(key, num)

    def again(self, key: Hashable, num: int) -> list[float]:
        """Milliseconds of each of ``num`` replays that follow each other at once."""
        with self.lane.entered():
            return elapsed_ms(self.device, lambda: self.graphs.replay(key), num)


def elapsed_ms(device: torch.device, work: Callable[[], object], num: int) -> list[float]:
    """Time ``num`` calls of ``work``, which are asked for one after the other without waiting."""
    if device.type != "cuda":
        return [_clocked_ms(work) for _ in range(num)]
    events = [torch.cuda.Event(enable_timing=True) for _ in range(num + 1)]
    events[0].record()
    for event in events[1:]:
        work()
        event.record()
    events[-1].synchronize()
    return [begin.elapsed_time(end) for begin, end in pairwise(events)]


def wait_for(device: str) -> None:
    """Wait until the device has done everything."""
    if device == "cuda":
        torch.cuda.synchronize()


def _clocked_ms(work: Callable[[], object]) -> float:
    began_at = time.perf_counter()
    work()
    return (time.perf_counter() - began_at) * 1000
