"""Sample rate conversion that remembers, so that seams between pieces cannot be heard."""

import soxr

from antiphon_server.audio.floats import to_floats, to_pcm


class Resampler:
    """Converts one stream of s16le mono samples; pieces give the same samples as the whole would.

    Output lags about 40 ms behind the input until ``finish``.
    """

    def __init__(self, rate_in_hz: int, rate_out_hz: int) -> None:
        """Begin a stream; equal rates pass bytes through untouched."""
        # Floating point inside: soxr's own 16-bit output is dithered and so differs with how the input was cut.
        self._stream = (
            None if rate_in_hz == rate_out_hz else soxr.ResampleStream(rate_in_hz, rate_out_hz, 1, dtype="float32")
        )

    def push(self, pcm: bytes) -> bytes:
        """Convert whole samples; returns what can be said already."""
        return pcm if self._stream is None else self._convert(pcm, is_last=False)

    def finish(self) -> bytes:
        """Return the rest; the stream is over."""
        return b"" if self._stream is None else self._convert(b"", is_last=True)

    def _convert(self, pcm: bytes, *, is_last: bool) -> bytes:
        assert self._stream is not None
        return to_pcm(self._stream.resample_chunk(to_floats(pcm), last=is_last))
