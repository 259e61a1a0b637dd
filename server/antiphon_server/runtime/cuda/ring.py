"""Pinned host memory in a ring: one place per transfer under way, so that none is overwritten before it is read."""

from collections import deque

import torch
from torch import Tensor

from antiphon_server.runtime.cuda.lane import Lane, Mark


class ResultRing:
    """Results on their way from the device to the host, read in the order they were sent."""

    def __init__(self, lane: Lane, depth: int, *shape: int, dtype: torch.dtype) -> None:
        """Allocate ``depth`` places of ``shape``."""
        self._lane = lane
        self._places = [lane.pinned(*shape, dtype=dtype) for _ in range(depth)]
        self._free = deque(range(depth))
        self._sent: deque[tuple[int, int, Mark]] = deque()

    @property
    def num_sent(self) -> int:
        """Results that have not been read."""
        return len(self._sent)

    def send(self, result: Tensor) -> None:
        """Copy ``result`` ``[n, ...]`` out, behind the lane's work so far; n may be less than a place holds.

        Raises:
            IndexError: If every place waits to be read: more is under way than the ring was made for.
        """
        place = self._free.popleft()
        with self._lane.entered():
            self._places[place][: len(result)].copy_(result, non_blocking=True)
        self._sent.append((place, len(result), self._lane.mark()))

    def is_ready(self) -> bool:
        """Whether the oldest result can be read without waiting."""
        return bool(self._sent) and self._sent[0][2].is_passed()

    def read(self) -> Tensor:
        """Wait for the oldest result and give it; the place is free again, so this is a copy."""
        place, length, mark = self._sent.popleft()
        mark.wait()
        result = self._places[place][:length].clone()
        self._free.append(place)
        return result


class InputRing:
    """Inputs on their way from the host to one static device tensor."""

    def __init__(self, lane: Lane, depth: int, target: Tensor) -> None:
        """Allocate ``depth`` places of the shape of ``target``."""
        self._lane, self._target = lane, target
        self._places = [lane.pinned(*target.shape, dtype=target.dtype) for _ in range(depth)]
        self._marks: list[Mark | None] = [None] * depth
        self._next = 0

    def send(self, values: Tensor) -> None:
        """Fill the target's first places with ``values`` ``[n, ...]``, behind the lane's work so far."""
        place, self._next = self._next, (self._next + 1) % len(self._places)
        if (mark := self._marks[place]) is not None:
            mark.wait()  # the copy of `depth` sends ago: long done, unless the device is far behind
        filled = self._places[place][: len(values)]
        filled.copy_(values)
        with self._lane.entered():
            self._target[: len(values)].copy_(filled, non_blocking=True)
        self._marks[place] = self._lane.mark()
