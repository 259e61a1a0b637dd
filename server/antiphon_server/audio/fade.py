"""Ramps at the edges of sound, so that a cut does not click."""

import numpy as np


def fade_in(pcm: bytes, rate_hz: int, ms: int = 5) -> bytes:
    """Raise the first ``ms`` of s16le samples from silence; shorter sound is raised over all of it."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    num_samples = min(len(samples), rate_hz * ms // 1000)
    samples[:num_samples] *= np.linspace(0.0, 1.0, num_samples, endpoint=False, dtype=np.float32)
    return samples.astype("<i2").tobytes()


def fade_out(pcm: bytes, rate_hz: int, ms: int = 5) -> bytes:
    """Lower the last ``ms`` of s16le samples to silence; shorter sound is lowered over all of it."""
    samples = np.frombuffer(pcm, dtype="<i2")
    return np.frombuffer(fade_in(samples[::-1].tobytes(), rate_hz, ms), dtype="<i2")[::-1].tobytes()
