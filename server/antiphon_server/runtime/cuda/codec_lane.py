"""The codec on a lane of its own: windows go in as rows, samples come out when they are ready, in order."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from antiphon_server.codec.delay import undelay
from antiphon_server.codec.sizes import SAMPLES_PER_FRAME
from antiphon_server.engine.codec_plan import WINDOW_FRAMES
from antiphon_server.engine.runner import WindowPart
from antiphon_server.runtime.cuda.catalogue import GraphCatalogue
from antiphon_server.runtime.cuda.codec_step import RAMP_FRAMES, CodecStep, Decoder, WindowShape
from antiphon_server.runtime.cuda.lane import Lane
from antiphon_server.runtime.cuda.ring import InputRing, ResultRing

_DEPTH = 16
"""Transfers of samples under way; one more waits for the oldest."""


@dataclass(slots=True, eq=False)
class _Call:
    """Windows that were handed in together."""

    parts: Sequence[WindowPart]
    pcms: dict[int, bytes | None] = field(default_factory=dict)


class CodecLane:
    """Decodes windows of equal length together, up to ``max_batch`` of them; 1 keeps a window's bits its own."""

    def __init__(
        self, codec: Decoder, lane: Lane, catalogue: GraphCatalogue, *, device: torch.device, max_batch: int
    ) -> None:
        """Allocate a step for every shape; ``capture`` captures them."""
        self._catalogue, self._max_batch = catalogue, max_batch
        self._steps = {shape: CodecStep(codec, shape, device=device) for shape in window_shapes(max_batch)}
        self._inputs = {shape: InputRing(lane, 2, step.codes) for shape, step in self._steps.items()}
        num_samples = max(step.pcm.numel() for step in self._steps.values())
        self._results = ResultRing(lane, _DEPTH, num_samples, dtype=torch.int16)
        self._under_way: deque[tuple[_Call, list[int]]] = deque()
        self._calls: deque[_Call] = deque()

    def capture(self) -> None:
        """Capture every shape."""
        for shape, step in self._steps.items():
            self._catalogue.capture(shape, step.run)

    def launch(self, parts: Sequence[WindowPart]) -> None:
        """Ask for windows; returns at once. If one cannot be asked for, none of them is collected."""
        call = _Call(parts)
        self._calls.append(call)
        try:
            self._launch(call)
        except BaseException:
            self._calls.remove(call)  # what of it is under way is read in its turn, and dropped
            raise

    def _launch(self, call: _Call) -> None:
        parts = call.parts
        for indices in _batches(parts, self._max_batch):
            if len(self._under_way) == _DEPTH:
                self._read()
            codes = torch.stack([_codes(parts[index]) for index in indices])
            shape = WindowShape(codes.shape[1], len(indices))
            self._inputs[shape].send(codes)
            self._catalogue.replay(shape)
            self._results.send(self._steps[shape].pcm.flatten())
            self._under_way.append((call, indices))

    def collect(self, *, must: bool) -> Sequence[bytes | None] | None:
        """Give the samples of the oldest call; None if there is none, or it is not ready and nobody waits."""
        while self._calls and len(self._calls[0].pcms) < len(self._calls[0].parts):
            if not (must or self._results.is_ready()):
                return None
            self._read()
        if not self._calls:
            return None
        call = self._calls.popleft()
        return [call.pcms[index] for index in range(len(call.parts))]

    def _read(self) -> None:
        call, indices = self._under_way.popleft()
        samples = self._results.read().view(len(indices), -1)
        for index, window in zip(indices, samples, strict=True):
            call.pcms[index] = _middle(window, call.parts[index])


def window_shapes(max_batch: int) -> Iterator[WindowShape]:
    """List what is captured: every length alone, and the lengths of long speech also together."""
    for num_frames in range(1, WINDOW_FRAMES + 1):
        yield WindowShape(num_frames, 1)
    batch = 2
    while batch <= max_batch:
        for num_frames in RAMP_FRAMES:
            yield WindowShape(num_frames, batch)
        batch *= 2


def _batches(parts: Sequence[WindowPart], max_batch: int) -> Iterator[list[int]]:
    """Group windows of equal length into batches of powers of two, in the order in which they were handed in."""
    groups: dict[int, list[int]] = {}
    for index, part in enumerate(parts):
        groups.setdefault(len(part.rows), []).append(index)
    for num_rows, indices in groups.items():
        is_common = num_rows - 7 in RAMP_FRAMES
        begin = 0
        while left := len(indices) - begin:
            size = min(max_batch, 1 << (left.bit_length() - 1)) if is_common else 1
            yield indices[begin : begin + size]
            begin += size


def _codes(part: WindowPart) -> Tensor:
    return torch.from_numpy(undelay(np.array(part.rows)))


def _middle(window: Tensor, part: WindowPart) -> bytes | None:
    """Give the samples that go out; None if any sample of the window is no number."""
    samples, is_whole = window[:-1], bool(window[-1])
    if not is_whole:
        return None
    end = len(samples) - part.num_right * SAMPLES_PER_FRAME
    return samples[part.num_left * SAMPLES_PER_FRAME : end].numpy().astype(np.dtype("<i2")).tobytes()
