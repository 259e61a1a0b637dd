"""Samples between the two forms they have here: 16 bits on the way, floating point where they are computed with."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_FULL_SCALE = 32_768.0


def to_floats(pcm: bytes) -> Floats:
    """Turn s16le samples into -1 to 1."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    samples /= _FULL_SCALE
    return samples


def to_pcm(samples: Floats) -> bytes:
    """Round to s16le; what is louder than full scale is limited to it."""
    scaled = np.rint(samples * _FULL_SCALE)
    limited: bytes = np.clip(scaled, -32_768, 32_767).astype("<i2").tobytes()
    return limited
