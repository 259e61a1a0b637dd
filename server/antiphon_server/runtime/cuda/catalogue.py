"""Captured graphs by key: what each cost to capture, and proof that nothing ran without one unnoticed."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch

from antiphon_server.runtime.cuda.lane import CudaLane, Lane

Work = Callable[[], None]
"""Work on static tensors: same addresses and shapes every time, no host reads."""
_NUM_WARM_UPS = 2


@dataclass(frozen=True, slots=True)
class Captured:
    """One entry."""

    key: Hashable
    capture_ms: float
    num_bytes: int
    """Device memory the capture took; graphs of one catalogue share a pool, so later ones take less."""


class GraphCatalogue:
    """Work that is replayed as CUDA graphs, or run eagerly where that was chosen (a CPU has no graphs)."""

    def __init__(self, lane: Lane, *, is_eager: bool) -> None:
        """Begin empty.

        Args:
            lane: Where graphs are captured and replayed.
            is_eager: Run the work itself each time: for comparison, and on a CPU.

        Raises:
            ValueError: If graphs are wanted and the lane is no CUDA stream.
        """
        if not is_eager and not isinstance(lane, CudaLane):
            raise ValueError("graphs need a CUDA stream; choose is_eager without one")
        self._lane, self._is_eager = lane, is_eager
        self._work: dict[Hashable, Work] = {}
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}
        self._pool: Any = None
        self.entries: list[Captured] = []
        self.num_misses = 0
        """Replays of a key that was never captured; each one raised."""

    def __contains__(self, key: Hashable) -> bool:
        return key in self._work

    def capture(self, key: Hashable, work: Work) -> None:
        """Warm ``work`` up on the lane (libraries allocate at their first call), then capture it."""
        began_at, free_before = time.perf_counter(), _free_bytes(self._lane)
        self._work[key] = work
        if not self._is_eager:
            self._warm_up(work)
            self._graphs[key] = self._captured(work)
        took_ms = (time.perf_counter() - began_at) * 1000
        self.entries.append(Captured(key, took_ms, max(0, free_before - _free_bytes(self._lane))))

    def replay(self, key: Hashable) -> None:
        """Ask for the work of a key once.

        Raises:
            KeyError: If it was not captured. There is no silent way around a missing graph.
        """
        if key not in self._work:
            self.num_misses += 1
            raise KeyError(f"no graph was captured for {key}")
        with self._lane.entered():
            if self._is_eager:
                self._work[key]()
            else:
                self._graphs[key].replay()

    def _warm_up(self, work: Work) -> None:
        with self._lane.entered():
            for _ in range(_NUM_WARM_UPS):
                work()
        self._lane.mark().wait()

    def _captured(self, work: Work) -> torch.cuda.CUDAGraph:
        assert isinstance(self._lane, CudaLane)
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile: only this one's calls can spoil the capture.
        with torch.cuda.graph(graph, pool=self._pool, stream=self._lane.stream, capture_error_mode="thread_local"):
            work()
        self._pool = self._pool or graph.pool()
        return graph


def _free_bytes(lane: Lane) -> int:
    return torch.cuda.mem_get_info(lane.stream.device)[0] if isinstance(lane, CudaLane) else 0
