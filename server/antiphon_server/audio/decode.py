"""From bytes of an input format to samples: streams as they arrive here, whole files in ``container``."""

from collections.abc import Callable
from typing import Protocol

from antiphon_server.audio.container import decode_container
from antiphon_server.audio.format import Encoding, Format, check_rate
from antiphon_server.audio.g711 import expand_alaw, expand_mulaw
from antiphon_server.audio.resample import Resampler
from antiphon_server.audio.wav import WavReader
from antiphon_server.errors import BadAudio, UnsupportedFormat

__all__ = ["StreamDecoder", "decode_container", "open_decoder"]

LISTENING_RATE_HZ = 16_000


class StreamDecoder(Protocol):
    """Turns the bytes of one stream, cut anywhere, into s16le mono samples of one rate."""

    def push(self, data: bytes) -> bytes:
        """Take bytes; returns the samples that are complete, maybe none.

        Raises:
            BadAudio: If the bytes are not what the format says.
        """
        ...

    def finish(self) -> bytes:
        """Return the last samples; the stream is over.

        Raises:
            BadAudio: If the stream ended too early.
        """
        ...


def open_decoder(format: Format, rate_out_hz: int = LISTENING_RATE_HZ) -> StreamDecoder:  # noqa: A002
    """Open a decoder for one stream. A WAV's own header says its rate.

    Raises:
        UnsupportedFormat: If the encoding cannot be read as it arrives.
        InvalidField: If the rate is outside 8 000..48 000 Hz.
    """
    match format.encoding:
        case Encoding.WAV:
            return _Wav(rate_out_hz)
        case Encoding.PCM_S16LE:
            check_rate(format)
            return _Plain(format.sample_rate_hz, rate_out_hz)
        case Encoding.MULAW | Encoding.ALAW:
            check_rate(format)
            expand = expand_mulaw if format.encoding is Encoding.MULAW else expand_alaw
            return _G711(expand, format.sample_rate_hz, rate_out_hz)
        case _:
            raise UnsupportedFormat(
                f"format.encoding of streamed audio must be PCM_S16LE, WAV, MULAW or ALAW, not {format.encoding}",
                field="format.encoding",
            )


class _Plain:
    def __init__(self, rate_in_hz: int, rate_out_hz: int) -> None:
        self._resampler = Resampler(rate_in_hz, rate_out_hz)
        self._half = b""
        self._num_bytes = 0

    def push(self, data: bytes) -> bytes:
        self._num_bytes += len(data)
        data = self._half + data
        whole = len(data) & ~1
        self._half = data[whole:]
        return self._resampler.push(data[:whole])

    def finish(self) -> bytes:
        if self._half:
            raise BadAudio(
                f"audio ends inside a sample: {self._num_bytes} bytes are not a multiple of 2", field="audio"
            )
        return self._resampler.finish()


class _G711:
    def __init__(self, expand: Callable[[bytes], bytes], rate_in_hz: int, rate_out_hz: int) -> None:
        self._expand = expand
        self._resampler = Resampler(rate_in_hz, rate_out_hz)

    def push(self, data: bytes) -> bytes:
        return self._resampler.push(self._expand(data))

    def finish(self) -> bytes:
        return self._resampler.finish()


class _Wav:
    def __init__(self, rate_out_hz: int) -> None:
        self._rate_out_hz = rate_out_hz
        self._reader = WavReader()
        self._part = b""
        self._resampler: Resampler | None = None

    def push(self, data: bytes) -> bytes:
        self._part += self._reader.push(data)
        layout = self._reader.layout
        if layout is None:
            return b""
        if self._resampler is None:
            self._resampler = Resampler(layout.rate_hz, self._rate_out_hz)
        whole = len(self._part) - len(self._part) % layout.frame_bytes
        frames, self._part = self._part[:whole], self._part[whole:]
        return self._resampler.push(layout.to_pcm(frames))

    def finish(self) -> bytes:
        self._reader.finish()
        assert self._resampler is not None
        if self._part:
            raise BadAudio(f"audio ends inside a sample: {len(self._part)} bytes are left over", field="audio")
        return self._resampler.finish()
