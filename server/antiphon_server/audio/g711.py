"""G.711 mu-law and A-law, after ITU-T recommendation G.711, as lookup tables.

Expanding follows the recommendation's formulas. Compressing picks the code of the decision interval a sample falls
in, so that every code survives expanding and compressing again.
"""

import numpy as np
from numpy.typing import NDArray

_MULAW_BIAS = 132
_MULAW_CLIP = 32_635


def _expand_mulaw() -> NDArray[np.int16]:
    inverted = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = (inverted >> 4) & 7, inverted & 15
    magnitude = (((mantissa << 3) + _MULAW_BIAS) << exponent) - _MULAW_BIAS
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)


def _expand_alaw() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    first = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, first, (first + 256) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _compress_mulaw() -> NDArray[np.uint8]:
    samples = _all_samples()
    biased = np.minimum(np.abs(samples), _MULAW_CLIP) + _MULAW_BIAS
    exponent = np.floor(np.log2(biased)).astype(np.int32) - 7
    mantissa = (biased >> (exponent + 3)) & 15
    sign = np.where(samples < 0, 0x80, 0)
    return np.asarray(~(sign | (exponent << 4) | mantissa) & 0xFF, dtype=np.uint8)


def _compress_alaw() -> NDArray[np.uint8]:
    samples = _all_samples()
    # The intervals of negative samples are mirrored: -1 belongs to the first one below zero, as 0 does above.
    magnitude = np.where(samples < 0, ~samples, samples)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 7, 0)
    mantissa = (magnitude >> np.maximum(exponent + 3, 4)) & 15
    sign = np.where(samples < 0, 0, 0x80)
    return np.asarray((sign | (exponent << 4) | mantissa) ^ 0x55, dtype=np.uint8)


def _all_samples() -> NDArray[np.int32]:
    """Return every 16-bit sample, in the order of its bits read as unsigned."""
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)


_MULAW_TO_PCM, _PCM_TO_MULAW = _expand_mulaw().astype("<i2"), _compress_mulaw()
_ALAW_TO_PCM, _PCM_TO_ALAW = _expand_alaw().astype("<i2"), _compress_alaw()


def compress_mulaw(pcm: bytes) -> bytes:
    """Turn s16le samples into one mu-law byte each."""
    return bytes(_PCM_TO_MULAW[np.frombuffer(pcm, dtype="<u2")])


def expand_mulaw(codes: bytes) -> bytes:
    """Turn mu-law bytes into s16le samples, at most 32 124 loud."""
    return _MULAW_TO_PCM[np.frombuffer(codes, dtype=np.uint8)].tobytes()


def compress_alaw(pcm: bytes) -> bytes:
    """Turn s16le samples into one A-law byte each."""
    return bytes(_PCM_TO_ALAW[np.frombuffer(pcm, dtype="<u2")])


def expand_alaw(codes: bytes) -> bytes:
    """Turn A-law bytes into s16le samples, at most 32 256 loud."""
    return _ALAW_TO_PCM[np.frombuffer(codes, dtype=np.uint8)].tobytes()
