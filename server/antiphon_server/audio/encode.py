"""From samples to bytes of an output format, piece by piece: nothing waits for the end, nothing is seeked back to."""

import struct
from typing import Protocol

from antiphon_server.audio.compress import Compressor
from antiphon_server.audio.format import Encoding, Format, check_output
from antiphon_server.audio.g711 import compress_alaw, compress_mulaw

_UNKNOWN_SIZE = 0xFFFF_FFFF
_WAV_HEADER_BYTES = 44


class Encoder(Protocol):
    """Turns one stream of s16le mono samples, at the format's rate, into bytes."""

    def encode(self, pcm: bytes) -> bytes:
        """Take whole samples; returns the bytes that are complete, maybe none."""
        ...

    def finish(self) -> bytes:
        """Return the last bytes; the encoder is used up."""
        ...


def open_encoder(format: Format) -> Encoder:  # noqa: A002 - the domain's word
    """Open an encoder for one stream. Dropping it unfinished frees all it holds.

    Raises:
        UnsupportedFormat: If the format cannot be written.
        InvalidField: If the rate is outside 8 000..48 000 Hz.
    """
    check_output(format)
    match format.encoding:
        case Encoding.PCM_S16LE:
            return _Plain()
        case Encoding.WAV:
            return _Wav(format.sample_rate_hz)
        case Encoding.MULAW:
            return _Mulaw()
        case Encoding.ALAW:
            return _Alaw()
        case _:
            return Compressor(format)


def wav_header(rate_hz: int, num_bytes: int | None) -> bytes:
    """Write the 44 bytes before ``num_bytes`` of 16-bit mono samples; None: both sizes say "unknown"."""
    if num_bytes is None:
        riff_bytes = data_bytes = _UNKNOWN_SIZE
    else:
        riff_bytes, data_bytes = num_bytes + _WAV_HEADER_BYTES - 8, num_bytes
    chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE") + chunk + struct.pack("<4sI", b"data", data_bytes)


class _Plain:
    def encode(self, pcm: bytes) -> bytes:
        return pcm

    def finish(self) -> bytes:
        return b""


class _Mulaw(_Plain):
    def encode(self, pcm: bytes) -> bytes:
        return compress_mulaw(pcm)


class _Alaw(_Plain):
    def encode(self, pcm: bytes) -> bytes:
        return compress_alaw(pcm)


class _Wav:
    def __init__(self, rate_hz: int) -> None:
        self._header = wav_header(rate_hz, None)

    def encode(self, pcm: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + pcm

    def finish(self) -> bytes:
        return self.encode(b"")
