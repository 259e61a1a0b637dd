"""Pace, pitch and the way out: what is done to a model's samples until they are chunks of an utterance."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from antiphon_server.audio.pace import change_pace

RENDERED_TAGS = tuple(
    f"prosody:{name}"
    for name in (
        "speed_very_slow",
        "speed_slow",
        "speed_fast",
        "speed_very_fast",
        "pitch_low",
        "pitch_high",
        "pause",
        "long_pause",
    )
)
"""What pace, pitch and exact silence can render on any model."""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PaceRange:
    """Paces at which a model speaks by itself; beyond them its sound is stretched."""

    slowest: float
    fastest: float


def render(
    speak: Callable[[float], Samples], *, rate_hz: int, pace: PaceRange, speed: float, pitch_semitones: float
) -> bytes:
    """Speak at a pace and a pitch. Pitch moves by resampling, which moves the formants along without artefacts.

    Args:
        speak: Gives samples, -1 to 1, for a pace inside ``pace``.
        rate_hz: Rate of the samples.
        pace: What ``speak`` can do.
        speed: Wanted pace, above 0; 1 is natural.
        pitch_semitones: Wanted shift; 0 is natural.

    Returns:
        Signed 16-bit samples at ``rate_hz``.
    """
    rise = 2.0 ** (pitch_semitones / 12)
    wanted = speed / rise
    spoken = min(max(wanted, pace.slowest), pace.fastest)
    samples = speak(spoken)
    if abs(rise - 1) > 1e-6:
        samples = soxr.resample(samples, rate_hz * rise, rate_hz)
    samples = change_pace(samples, rate_hz=rate_hz, factor=wanted / spoken)
    return (np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()


def chunks(pcm: bytes, first_samples: int, rate_hz: int) -> Iterator[bytes]:
    """Cut 16-bit samples into a first chunk of ``first_samples`` and others of 80 ms."""
    size = 2 * (rate_hz * 80 // 1000)
    yield pcm[: first_samples * 2]
    for start in range(first_samples * 2, len(pcm), size):
        yield pcm[start : start + size]
