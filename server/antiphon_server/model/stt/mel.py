"""The mel spectrum that Whisper large-v3 hears, of one chunk at a time: its loudest value is the chunk's own."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.model.stt.chunks import CHUNK_SAMPLES, HOP_SAMPLES, SAMPLE_RATE, num_frames
from antiphon_server.model.stt.config import NUM_MELS

_WINDOW_SAMPLES = 400
_FLOOR = 1e-10
_RANGE = 8.0  # powers of ten under the loudest value
_LINEAR_HZ = 200 / 3  # Hz of one mel, up to 1000 Hz
_LINEAR_MELS = 15.0
_LOG_STEP = math.log(6.4) / 27  # of one mel, from 1000 Hz


def log_mel(chunks: Tensor, filters: Tensor | None = None) -> Tensor:
    """Describe chunks of equal length by their levels.

    Args:
        chunks: ``[B, S]`` at 16 000 Hz in fp32, S > 200.
        filters: ``mel_filters()`` on the device of the chunks; absent: made for this call.

    Returns:
        ``[B, 128, S // 160]`` in fp32.
    """
    filters = mel_filters().to(chunks.device) if filters is None else filters
    num_samples, half = chunks.shape[1], _WINDOW_SAMPLES // 2
    padded = F.pad(chunks[:, None], (half, half), mode="reflect")[:, 0]
    # Frames beyond the chunk are dropped again: a GPU's library plans, and keeps, every number of transforms anew.
    padded = F.pad(padded, (0, -num_samples % CHUNK_SAMPLES))
    window = torch.hann_window(_WINDOW_SAMPLES, device=chunks.device)
    spectrum = torch.stft(padded, _WINDOW_SAMPLES, HOP_SAMPLES, window=window, center=False, return_complex=True)[
        ..., : num_frames(num_samples)
    ]  # [B, 201, S // 160]
    power = spectrum.real.square() + spectrum.imag.square()
    levels = (filters @ power).clamp(min=_FLOOR).log10()
    loudest = levels.amax((1, 2), keepdim=True)
    levels = torch.maximum(levels, loudest - _RANGE)
    return (levels + 4.0) / 4.0


def mel_filters() -> Tensor:
    """Make triangles of equal area on the mel scale of Slaney's toolbox, 0 to 8000 Hz: ``[128, 201]``."""
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, _WINDOW_SAMPLES // 2 + 1, dtype=torch.float64)
    corners = _to_hz(torch.linspace(0.0, _to_mel(SAMPLE_RATE / 2), NUM_MELS + 2, dtype=torch.float64))
    widths = corners.diff()
    away = corners[:, None] - frequencies  # [130, 201]
    rising, falling = -away[:-2] / widths[:-1, None], away[2:] / widths[1:, None]
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * (2.0 / (corners[2:] - corners[:-2]))[:, None]).float()


def _to_mel(hertz: float) -> float:
    """Convert a frequency of 1000 Hz or more."""
    return _LINEAR_MELS + math.log(hertz / 1000) / _LOG_STEP


def _to_hz(mels: Tensor) -> Tensor:
    """Linear up to 1000 Hz, logarithmic above."""
    above = 1000 * torch.exp((mels - _LINEAR_MELS) * _LOG_STEP)
    return torch.where(mels < _LINEAR_MELS, mels * _LINEAR_HZ, above)
