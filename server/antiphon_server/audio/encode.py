"""From samples to bytes of an output format, piece by piece: nothing waits for the end, nothing is seeked back to."""

import contextlib
import struct
from typing import Protocol

import av
import numpy as np

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
            return _Compressed(format)


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


class _Sink:
    """Where a muxer writes. It has no ``seek``, so the muxer knows not to go back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


_MUXERS: dict[Encoding, tuple[str, str, dict[str, str]]] = {
    # Xing and ID3 headers could only be filled in at the end.
    Encoding.MP3: ("mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"}),
    # Pages of 60 ms: Ogg's own default of a second would hold speech back.
    Encoding.OGG_OPUS: ("ogg", "libopus", {"page_duration": "60000"}),
    Encoding.AAC: ("adts", "aac", {}),
    Encoding.FLAC: ("flac", "flac", {"metadata_header_padding": "0"}),
}
_BITS_PER_S = {Encoding.MP3: 64_000, Encoding.OGG_OPUS: 32_000, Encoding.AAC: 64_000}
_WIDE_BAND_HZ = 24_000


class _Compressed:
    """One codec and its container, by PyAV."""

    def __init__(self, format: Format) -> None:  # noqa: A002
        muxer, codec, options = _MUXERS[format.encoding]
        self._rate_hz = format.sample_rate_hz
        self._num_samples = 0
        self._sink = _Sink()
        self._container = av.open(self._sink, "w", format=muxer, options={**options, "flush_packets": "1"})
        stream = self._container.add_stream(codec, rate=format.sample_rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        self._stream = stream
        if format.encoding in _BITS_PER_S:
            self._stream.bit_rate = _BITS_PER_S[format.encoding] * (2 if self._rate_hz > _WIDE_BAND_HZ else 1)
        self._container.start_encoding()

    def encode(self, pcm: bytes) -> bytes:
        if pcm:
            samples = np.frombuffer(pcm, dtype="<i2").reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = self._rate_hz
            frame.pts = self._num_samples
            self._num_samples += samples.shape[1]
            self._container.mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        if self._num_samples:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take()

    def __del__(self) -> None:
        # Container and stream hold each other; closing parts them, or megabytes would wait for the garbage collector.
        with contextlib.suppress(AttributeError, av.FFmpegError):
            self._container.close()
