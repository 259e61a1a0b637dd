"""MP3, Opus, AAC and FLAC, by PyAV: a frame leaves as soon as its codec has the samples for it."""

import contextlib
from typing import Any

import av
import numpy as np

from antiphon_server.audio import mp3
from antiphon_server.audio.format import Encoding, Format

_MUXERS: dict[Encoding, tuple[str, str, dict[str, str]]] = {
    # The muxer's Xing and ID3 headers could only be filled in at the end. A bit reservoir would hold frames back.
    Encoding.MP3: ("mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0", "reservoir": "0"}),
    # A page a packet: Ogg's own default of a second, and then the page that follows, would hold speech back.
    Encoding.OGG_OPUS: ("ogg", "libopus", {"page_duration": "20000"}),
    Encoding.AAC: ("adts", "aac", {}),
    # Level 2 is the highest with blocks of 27 ms; above it they are of 105 ms.
    Encoding.FLAC: ("flac", "flac", {"metadata_header_padding": "0", "compression_level": "2"}),
}
_WIDE_BAND_HZ = 24_000


class Compressor:
    """One codec and its container. 40 ms of sound take it about a millisecond, most of that without the GIL."""

    def __init__(self, format: Format) -> None:  # noqa: A002 - the domain's word
        """Open codec and container.

        Args:
            format: MP3, OGG_OPUS, AAC or FLAC at a rate that ``check_output`` lets pass.
        """
        muxer, codec, options = _MUXERS[format.encoding]
        self._rate_hz = format.sample_rate_hz
        self._num_samples = 0
        self._sink = _Sink()
        self._container = av.open(self._sink, "w", format=muxer, options={**options, "flush_packets": "1"})
        stream = self._container.add_stream(codec, rate=format.sample_rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        self._stream = stream
        if bits_per_s := _bits_per_s(format):
            self._stream.bit_rate = bits_per_s
        self._container.start_encoding()
        if format.encoding is Encoding.MP3:
            self._sink.write(mp3.info_frame(format.sample_rate_hz))

    def encode(self, pcm: bytes) -> bytes:
        """Take whole samples; returns the bytes that are complete, maybe none."""
        if pcm:
            samples = np.frombuffer(pcm, dtype="<i2").reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = self._rate_hz
            frame.pts = self._num_samples
            self._num_samples += samples.shape[1]
            self._container.mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        """Return the last bytes; the compressor is used up."""
        if self._num_samples:
            self._container.mux([packet for packet in self._stream.encode(None) if not self._is_beyond(packet)])
        self._container.close()
        return self._sink.take()

    def _is_beyond(self, packet: "av.Packet[Any]") -> bool:
        """Tell a last frame that LAME made of nothing but its own filling."""
        return bool(packet.size) and packet.pts is not None and packet.pts >= self._num_samples

    def __del__(self) -> None:
        # Container and stream hold each other; closing parts them, or megabytes would wait for the garbage collector.
        with contextlib.suppress(AttributeError, av.FFmpegError):
            self._container.close()


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


def _bits_per_s(format: Format) -> int | None:  # noqa: A002
    width = 2 if format.sample_rate_hz > _WIDE_BAND_HZ else 1
    match format.encoding:
        case Encoding.MP3:
            return mp3.bits_per_s(format.sample_rate_hz)
        case Encoding.OGG_OPUS:
            return 32_000 * width
        case Encoding.AAC:
            return 64_000 * width
        case _:
            return None
