"""MP3, Opus, AAC and FLAC, by PyAV: a frame leaves as soon as its codec has the samples for it."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

from antiphon_server.audio import mp3
from antiphon_server.audio.format import Encoding, Format

_MUXERS: dict[Encoding, tuple[str, str, dict[str, str]]] = {
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
        self._rate_hz = format.sample_rate_hz
        self._num_samples = 0
        self._sink = _Sink()
        self._container: av.container.OutputContainer | None = None
        self._encoder: av.AudioStream | av.AudioCodecContext
        # Of one channel both are the same bytes, and named as the codec names them they need no converter.
        self._sample_format = "s16p" if format.encoding is Encoding.MP3 else "s16"
        if format.encoding is Encoding.MP3:  # its frames are the file; a muxer would cost 0.1 MB more
            self._encoder = _open_lame(format)
            self._sink.write(mp3.info_frame(format.sample_rate_hz))
        else:
            self._container, self._encoder = self._open_muxed(format)

    def encode(self, pcm: bytes) -> bytes:
        """Take whole samples; returns the bytes that are complete, maybe none."""
        if pcm:
            samples = np.frombuffer(pcm, dtype="<i2").reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format=self._sample_format, layout="mono")
            frame.sample_rate = self._rate_hz
            frame.pts = self._num_samples
            is_first = not self._num_samples
            self._num_samples += samples.shape[1]
            with _one_core() if is_first else contextlib.nullcontext():
                self._write(self._encoder.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        """Return the last bytes; the compressor is used up."""
        if self._num_samples:
            self._write([packet for packet in self._encoder.encode(None) if not self._is_beyond(packet)])
        if self._container is not None:
            self._container.close()
        return self._sink.take()

    def _open_muxed(self, format: Format) -> "tuple[av.container.OutputContainer, av.AudioStream]":  # noqa: A002
        muxer, codec, options = _MUXERS[format.encoding]
        container = av.open(self._sink, "w", format=muxer, options={**options, "flush_packets": "1"})
        stream = container.add_stream(codec, rate=format.sample_rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        if bits_per_s := _bits_per_s(format):
            stream.bit_rate = bits_per_s
        container.start_encoding()
        return container, stream

    def _write(self, packets: "list[av.Packet[Any]]") -> None:
        if self._container is not None:
            self._container.mux(packets)
            return
        for packet in packets:
            self._sink.write(bytes(packet))

    def _is_beyond(self, packet: "av.Packet[Any]") -> bool:
        """Tell a last frame that LAME made of nothing but its own filling."""
        return bool(packet.size) and packet.pts is not None and packet.pts >= self._num_samples

    def __del__(self) -> None:
        # Container and stream hold each other; closing parts them, or megabytes would wait for the garbage collector.
        with contextlib.suppress(AttributeError, av.FFmpegError):
            if self._container is not None:
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


def _open_lame(format: Format) -> av.AudioCodecContext:  # noqa: A002
    codec = av.AudioCodecContext.create("libmp3lame", "w")
    codec.sample_rate, codec.layout, codec.format = format.sample_rate_hz, "mono", "s16p"
    codec.time_base = Fraction(1, format.sample_rate_hz)
    codec.bit_rate = mp3.bits_per_s(format.sample_rate_hz)
    codec.options = {"reservoir": "0"}  # it would hold frames back
    codec.open()
    return codec


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Keep FFmpeg from starting a thread for each core, per encoder, when the first frame sets its filters up.

    It counts the cores this thread may run on, and PyAV has no setting for that filter.
    """
    if not hasattr(os, "sched_setaffinity"):  # pragma: no cover  # only Linux has it
        yield
        return
    cores = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):  # hardened services may not choose their cores: then there are more threads
        os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, cores)


def _bits_per_s(format: Format) -> int | None:  # noqa: A002
    width = 2 if format.sample_rate_hz > _WIDE_BAND_HZ else 1
    match format.encoding:
        case Encoding.OGG_OPUS:
            return 32_000 * width
        case Encoding.AAC:
            return 64_000 * width
        case _:
            return None
