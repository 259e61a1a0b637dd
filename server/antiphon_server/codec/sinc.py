"""Windowed-sinc resampling of whole clips, with the filter that the codec's encoder was trained behind.

Other filters give other codes. Source: the sinc resampler of torchaudio, Hann window, 6 zero crossings, rolloff 0.99.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

_ZERO_CROSSINGS = 6
_ROLLOFF = 0.99


def resample(samples: Tensor, rate_in_hz: int, rate_out_hz: int) -> Tensor:
    """Convert ``samples`` ``[B, S]`` to ``ceil(S * out / in)`` samples at another rate."""
    if rate_in_hz == rate_out_hz:
        return samples
    divisor = math.gcd(rate_in_hz, rate_out_hz)
    num_in, num_out = rate_in_hz // divisor, rate_out_hz // divisor
    kernels, reach = _kernels(num_in, num_out)
    padded = F.pad(samples, (reach, reach + num_in))
    phases = F.conv1d(padded[:, None], kernels.to(samples), stride=num_in)  # [B, out, groups]
    num_samples = -(-samples.shape[-1] * num_out // num_in)
    return phases.transpose(1, 2).flatten(1)[:, :num_samples]


def _kernels(num_in: int, num_out: int) -> tuple[Tensor, int]:
    """One filter per output phase, ``[out, 1, taps]``, and how many samples it reaches to either side."""
    cutoff = min(num_in, num_out) * _ROLLOFF
    reach = math.ceil(_ZERO_CROSSINGS * num_in / cutoff)
    taps = torch.arange(-reach, reach + num_in, dtype=torch.float64) / num_in
    phases = torch.arange(0, -num_out, -1, dtype=torch.float64)[:, None] / num_out
    turns = ((phases + taps) * cutoff).clamp(-_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = torch.cos(turns * math.pi / _ZERO_CROSSINGS / 2).square()
    filters = torch.sinc(turns) * window * (cutoff / num_in)
    return filters[:, None].float(), reach
