"""RIFF/WAVE read as it arrives: the header, the sample layouts it can announce, and where the samples end."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon_server.audio.g711 import expand_alaw, expand_mulaw
from antiphon_server.errors import BadAudio

_STREAMED_SIZE = 0x7FFF_0000
"""Recorders that cannot know the size write 0 or one from here to the largest, each its own."""
_MAX_FMT_BYTES = 4_096
_MAX_CHANNELS = 32
_RATES_HZ = range(1_000, 384_001)
_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE


@dataclass(frozen=True, slots=True)
class WavLayout:
    """How the samples of a WAV lie."""

    code: int
    """Format code of the header; an extensible one already resolved."""
    num_channels: int
    rate_hz: int
    bits: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.num_channels * self.bits // 8

    def to_pcm(self, data: bytes) -> bytes:
        """Turn whole frames into s16le mono; channels are averaged, too loud floats are clipped."""
        if self.num_channels == 1 and (self.code, self.bits) == (_PCM, 16):
            return data
        channels = self._scaled(data).reshape(-1, self.num_channels)
        mixed = np.nan_to_num(channels.mean(axis=1), nan=0.0)
        limited: bytes = np.clip(np.rint(mixed), -32_768, 32_767).astype("<i2").tobytes()
        return limited

    def _scaled(self, data: bytes) -> NDArray[np.float64]:
        """Read samples, scaled to 16 bits."""
        if self.code in (_ALAW, _MULAW):
            expanded = expand_alaw(data) if self.code == _ALAW else expand_mulaw(data)
            return np.frombuffer(expanded, dtype="<i2").astype(np.float64)
        if self.code == _FLOAT:
            # What no sound card can play is brought near full scale before channels are averaged.
            return np.clip(np.frombuffer(data, dtype=f"<f{self.bits // 8}").astype(np.float64), -4.0, 4.0) * 32_768.0
        if self.bits == 8:
            return (np.frombuffer(data, dtype=np.uint8).astype(np.float64) - 128.0) * 256.0
        if self.bits == 24:
            wide = np.zeros((len(data) // 3, 4), dtype=np.uint8)
            wide[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
            return wide.view("<i4").reshape(-1).astype(np.float64) / 65_536.0
        return np.frombuffer(data, dtype=f"<i{self.bits // 8}").astype(np.float64) / 2.0 ** (self.bits - 16)


_SUPPORTED = {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64), (_ALAW, 8), (_MULAW, 8)}


def is_streamed_size(size: int) -> bool:
    """Whether a chunk's size was written by someone who could not know it: the chunk lasts until the bytes end."""
    return size == 0 or size >= _STREAMED_SIZE


class WavReader:
    """Finds the samples in a WAV cut anywhere. Chunks other than ``fmt`` and ``data`` are skipped unread."""

    def __init__(self) -> None:
        self.layout: WavLayout | None = None
        """Known once the ``fmt`` chunk has been read."""
        self._buffer = bytearray()
        self._is_riff = False
        self._skip_bytes = 0
        self._data_left: int | None = None
        """Bytes of the data chunk still to come; None if its header gave no size."""
        self._in_data = False
        self._is_over = False

    def push(self, data: bytes) -> bytes:
        """Take bytes of the file; returns the sample bytes among them, cut as they came.

        Raises:
            BadAudio: If this is no WAV or its samples are of a kind that cannot be read.
        """
        if self._is_over:
            return b""
        if self._in_data:
            return self._take(data)
        self._buffer += data
        while not self._in_data and self._read_chunk():
            pass
        if not self._in_data:
            return b""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return self._take(rest)

    def finish(self) -> None:
        """Check that the file is whole.

        Raises:
            BadAudio: If it ended in the header, or before all the data the header promised.
        """
        if not self._in_data:
            raise BadAudio("audio is truncated: the WAV ends inside its header", field="audio")
        if self._data_left:
            raise BadAudio(f"audio is truncated: {self._data_left} bytes of the WAV's data are missing", field="audio")

    def _read_chunk(self) -> bool:
        """Read one step of the header; False if more bytes are needed first."""
        skipped = min(self._skip_bytes, len(self._buffer))
        del self._buffer[:skipped]
        self._skip_bytes -= skipped
        if self._skip_bytes or not self._read_riff() or len(self._buffer) < 8:
            return False
        name, size = struct.unpack_from("<4sI", self._buffer)
        if name == b"fmt ":
            return self._read_fmt(size)
        del self._buffer[:8]
        if name == b"data":
            self._begin_data(size)
        else:
            self._skip_bytes = size + size % 2
        return True

    def _read_riff(self) -> bool:
        if self._is_riff:
            return True
        head = bytes(self._buffer[:12])
        if not b"RIFF".startswith(head[:4]) or not b"WAVE".startswith(head[8:]):
            raise BadAudio("audio is not a WAV: it does not begin with RIFF and WAVE", field="audio")
        if len(head) < 12:
            return False
        del self._buffer[:12]
        self._is_riff = True
        return True

    def _read_fmt(self, size: int) -> bool:
        if not 16 <= size <= _MAX_FMT_BYTES:
            raise BadAudio(f"audio is not a WAV: its fmt chunk has {size} bytes", field="audio")
        if len(self._buffer) < 8 + size:
            return False
        self.layout = _layout(bytes(self._buffer[8 : 8 + size]))
        del self._buffer[: 8 + size]
        self._skip_bytes = size % 2
        return True

    def _begin_data(self, size: int) -> None:
        if self.layout is None:
            raise BadAudio("audio is not a WAV: its data chunk comes before its fmt chunk", field="audio")
        self._in_data = True
        self._data_left = None if is_streamed_size(size) else size

    def _take(self, data: bytes) -> bytes:
        if self._data_left is None:
            return data
        taken = data[: self._data_left]
        self._data_left -= len(taken)
        self._is_over = self._data_left == 0
        return taken


def _layout(chunk: bytes) -> WavLayout:
    code, num_channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == _EXTENSIBLE and len(chunk) >= 26:
        code = struct.unpack_from("<H", chunk, 24)[0]
    if (code, bits) not in _SUPPORTED:
        raise BadAudio(
            f"audio is a WAV of format {code} with {bits} bits, which cannot be read as it comes", field="audio"
        )
    if not 1 <= num_channels <= _MAX_CHANNELS or rate_hz not in _RATES_HZ:
        raise BadAudio(
            f"audio must be a WAV of 1 to {_MAX_CHANNELS} channels at {_RATES_HZ[0]} to {_RATES_HZ[-1]} Hz, "
            f"not of {num_channels} at {rate_hz} Hz",
            field="audio",
        )
    return WavLayout(code, num_channels, rate_hz, bits)
