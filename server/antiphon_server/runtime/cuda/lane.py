# mypy: disallow-untyped-calls=False
"""Ordered queues of device work: CUDA streams, or nothing at all on a CPU, where work is done when it is asked for.

A consumer waits for the producer's mark, never for a whole stream: a lane that waits for another lane's later work
would put both in step.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor


class Mark(Protocol):
    """A point in a lane."""

    def is_passed(self) -> bool:
        """Whether everything before it is done."""
        ...

    def wait(self) -> None:
        """Hold the calling thread until it is."""
        ...


class Lane(Protocol):
    """Work of one lane is done in the order it was asked for."""

    def entered(self) -> AbstractContextManager[Any]:
        """Ask for work inside ``with``."""
        ...

    def mark(self) -> Mark:
        """Mark what was asked for so far."""
        ...

    def follow(self, mark: Mark) -> None:
        """Do what is asked for from now on after another lane's mark."""
        ...

    def pinned(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Host memory that the device copies to and from without waiting."""
        ...


class _PassedMark:
    def is_passed(self) -> bool:
        return True

    def wait(self) -> None:
        return


class CpuLane:
    """Everything is done at once."""

    def entered(self) -> AbstractContextManager[Any]:
        """Do nothing; see ``Lane``."""
        return nullcontext()

    def mark(self) -> Mark:
        """Give a mark that is passed."""
        return _PassedMark()

    def follow(self, mark: Mark) -> None:
        """Do nothing; see ``Lane``."""

    def pinned(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Give ordinary memory."""
        return torch.zeros(shape, dtype=dtype)


class _CudaMark:
    def __init__(self, event: torch.cuda.Event) -> None:
        self.event = event

    def is_passed(self) -> bool:
        return bool(self.event.query())

    def wait(self) -> None:
        self.event.synchronize()


class CudaLane:
    """A CUDA stream."""

    def __init__(self, device: torch.device, *, is_urgent: bool = False) -> None:
        """Open a stream; an urgent one goes first where both have work. Graphs keep the priority of their capture."""
        low, high = torch.cuda.Stream.priority_range()  # type: ignore[call-arg]
        self.stream = torch.cuda.Stream(device, priority=high if is_urgent else low)

    def entered(self) -> AbstractContextManager[Any]:
        """Ask for work on the stream; see ``Lane``."""
        return torch.cuda.stream(self.stream)

    def mark(self) -> Mark:
        """Record an event."""
        event = torch.cuda.Event()
        event.record(self.stream)
        return _CudaMark(event)

    def follow(self, mark: Mark) -> None:
        """Let the stream wait for an event; the host does not."""
        if isinstance(mark, _CudaMark):
            self.stream.wait_event(mark.event)

    def pinned(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Give page-locked memory."""
        return torch.zeros(shape, dtype=dtype, pin_memory=True)


def lane_on(device: torch.device, *, is_urgent: bool = False) -> Lane:
    """Open the lane that fits a device."""
    return CudaLane(device, is_urgent=is_urgent) if device.type == "cuda" else CpuLane()
