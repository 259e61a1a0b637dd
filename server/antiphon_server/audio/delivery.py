"""Pace and pitch of sound that is already made, while it comes."""

import numpy as np
import soxr

from antiphon_server.audio.floats import Floats, to_floats, to_pcm
from antiphon_server.audio.pace import PaceChanger


class Delivery:
    """Changes one stream of s16le mono samples; pieces give the same samples as the whole would.

    Pitch moves by resampling, which moves the formants along; the pace is then set right again.
    """

    def __init__(self, rate_hz: int, *, speed: float, pitch_semitones: float) -> None:
        """Begin a stream; natural pace and pitch pass bytes through untouched.

        Args:
            rate_hz: Of the samples.
            speed: Above 0; above 1 is faster.
            pitch_semitones: Above 0 is higher.
        """
        rise = 2.0 ** (pitch_semitones / 12)
        self._pitch = None if rise == 1.0 else soxr.ResampleStream(rate_hz * rise, rate_hz, 1, dtype="float32")
        self._pace = None if speed == rise else PaceChanger(rate_hz, speed / rise)

    @property
    def is_natural(self) -> bool:
        """Whether nothing is changed."""
        return self._pitch is None and self._pace is None

    def push(self, pcm: bytes) -> bytes:
        """Take whole samples; returns what can be said already."""
        return pcm if self.is_natural else self._change(pcm, is_last=False)

    def finish(self) -> bytes:
        """Return the rest; the stream is over."""
        return b"" if self.is_natural else self._change(b"", is_last=True)

    def _change(self, pcm: bytes, *, is_last: bool) -> bytes:
        samples: Floats = to_floats(pcm)
        if self._pitch is not None:
            samples = self._pitch.resample_chunk(samples, last=is_last)
        if self._pace is not None:
            samples = self._pace.push(samples)
            if is_last:
                samples = np.concatenate([samples, self._pace.finish()])
        return to_pcm(samples)
