"""Decoded frames of any rate, layout and kind of sample into s16le of one channel and one rate."""

from collections.abc import Iterator

import av
import numpy as np

from antiphon_server.errors import BadAudio

_PIECE_SAMPLES = 4_096
_MAX_CHANGES = 1_000
"""Of rate, layout or kind of sample within a file; each opens a resampler, which takes a millisecond."""

_Kind = tuple[int, str, str]


class Mixing:
    """Turns the frames of one stream into samples. A file may change its rate or channels between frames."""

    def __init__(self, rate_hz: int, *, mixes: bool) -> None:
        """Begin without a frame.

        Args:
            rate_hz: Rate of the samples.
            mixes: Average the channels; otherwise only the first is taken.
        """
        self._rate_hz = rate_hz
        self._mixes = mixes
        self._kind: _Kind | None = None
        self._resampler: av.AudioResampler | None = None
        self._num_changes = 0

    def push(self, frame: av.AudioFrame) -> Iterator[bytes]:
        """Yield what can be said already.

        Raises:
            BadAudio: If the sound changed its rate or channels too often.
        """
        frame = _mixed(frame) if self._mixes and _is_unknown(frame.layout) else frame
        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        if kind != self._kind:
            yield from self.finish()
            self._open(kind)
        assert self._resampler is not None
        yield from self._pieces(self._resampler, frame)

    def finish(self) -> Iterator[bytes]:
        """Yield the rest."""
        if self._resampler is not None:
            yield from self._pieces(self._resampler, None)
            self._resampler = None

    def _open(self, kind: _Kind) -> None:
        self._kind = kind
        self._num_changes += 1
        if self._num_changes > _MAX_CHANGES:
            raise BadAudio(f"audio changes its rate or channels more than {_MAX_CHANGES} times", field="audio")
        layout = "mono" if self._mixes else None
        self._resampler = av.AudioResampler(format="s16p", layout=layout, rate=self._rate_hz, frame_size=_PIECE_SAMPLES)

    @staticmethod
    def _pieces(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> Iterator[bytes]:
        for converted in resampler.resample(frame):
            yield bytes(converted.planes[0])[: converted.samples * 2]


def _is_unknown(layout: av.AudioLayout) -> bool:
    """Whether nothing says where the channels are, so that no mixing rule fits."""
    return layout.nb_channels > 2 and layout.name == f"{layout.nb_channels} channels"


def _mixed(frame: av.AudioFrame) -> av.AudioFrame:
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    mean = samples.mean(axis=0, dtype=np.float64, keepdims=True).astype(samples.dtype)
    mixed = av.AudioFrame.from_ndarray(mean, format=frame.format.planar.name, layout="mono")
    mixed.sample_rate, mixed.pts, mixed.time_base = frame.sample_rate, frame.pts, frame.time_base
    return mixed
