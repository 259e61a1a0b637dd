"""Windows of the codec on static tensors, one step for each number of frames and batch."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from antiphon_server.codec.delay import NUM_CODEBOOKS
from antiphon_server.codec.sizes import SAMPLES_PER_FRAME
from antiphon_server.engine.codec_plan import windows

RAMP_FRAMES = tuple(sorted({window.num_frames for window in windows(100)}))
"""Lengths of the windows that every long speech begins with, and the length of all later ones."""


class Decoder(Protocol):
    """The decoding half of a codec."""

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes ``[B, F, 8]`` to samples ``[B, F * 960]``."""
        ...


@dataclass(frozen=True, slots=True)
class WindowShape:
    """Windows that are decoded together."""

    num_frames: int
    batch: int


class CodecStep:
    """The decode of one shape; ``run`` is what a graph captures."""

    def __init__(self, codec: Decoder, shape: WindowShape, *, device: torch.device | str) -> None:
        """Allocate what the host fills in and reads."""
        self._codec = codec
        self.codes = torch.zeros(shape.batch, shape.num_frames, NUM_CODEBOOKS, dtype=torch.long, device=device)
        num_samples = shape.num_frames * SAMPLES_PER_FRAME
        self.pcm = torch.zeros(shape.batch, num_samples + 1, dtype=torch.int16, device=device)
        """Samples of each window, and behind them 1 if all of them were numbers before they were rounded."""

    def run(self) -> None:
        """Decode; samples are rounded to 16 bits, louder ones clipped."""
        samples = self._codec.decode(self.codes)
        self.pcm[:, :-1] = (samples.clamp(-1.0, 1.0) * 32767.0).round()
        self.pcm[:, -1] = samples.isfinite().all(1)
