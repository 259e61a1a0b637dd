"""Frames: a little-endian 32-bit length, then one msgpack map of that many bytes.

``FrameBuffer`` receives in place: the loop writes straight into its memory, and complete frames are decoded from
there, so a long job is not copied together from pieces.
"""

import struct
from collections.abc import Iterator
from typing import Any

import msgpack

Frame = dict[str, Any]
"""Always has "kind"; the other keys depend on it (see ``line`` and ``serving``)."""

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""Half an hour of audio at 16 000 Hz; anything longer is cut before it comes here."""

_LENGTH = struct.Struct("<I")
_USUAL_BYTES = 256 * 1024


class FrameTooLarge(Exception):
    """A frame is over the limit; nothing of it was sent."""

    def __init__(self, num_bytes: int, max_bytes: int) -> None:
        super().__init__(f"frame of {num_bytes} bytes is over the limit of {max_bytes}")
        self.num_bytes = num_bytes
        self.max_bytes = max_bytes


class FramePacker:
    """Encodes frames, keeping its buffer between them."""

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._packer = msgpack.Packer()

    def pack(self, frame: Frame) -> bytes:
        """Return the frame's bytes, length first.

        Raises:
            FrameTooLarge: If the body is over the limit.
            TypeError: If a value is not a plain one.
        """
        body: bytes = self._packer.pack(frame)
        if len(body) > _USUAL_BYTES:
            self._packer = msgpack.Packer()  # a packer never shrinks
        if len(body) > self._max_frame_bytes:
            raise FrameTooLarge(len(body), self._max_frame_bytes)
        return _LENGTH.pack(len(body)) + body


class FrameBuffer:
    """Memory that bytes are received into and frames are taken from."""

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._view = memoryview(bytearray(_USUAL_BYTES))
        self._start = 0
        self._end = 0

    def space(self) -> memoryview:
        """Return where to receive next; never empty."""
        return self._view[self._end :]

    def received(self, num_bytes: int) -> Iterator[Frame]:
        """Count bytes written to ``space()`` and yield the frames they complete.

        Raises:
            FrameTooLarge: If a frame announces more than the limit; the stream cannot go on.
            ValueError: If a frame is not msgpack.
        """
        self._end += num_bytes
        needed_bytes = _LENGTH.size
        while (have_bytes := self._end - self._start) >= _LENGTH.size:
            body_at = self._start + _LENGTH.size
            (length,) = _LENGTH.unpack_from(self._view, self._start)
            if length > self._max_frame_bytes:
                raise FrameTooLarge(length, self._max_frame_bytes)
            needed_bytes = _LENGTH.size + length
            if have_bytes < needed_bytes:
                break
            self._start += needed_bytes
            yield msgpack.unpackb(self._view[body_at : body_at + length])
        self._make_room(needed_bytes)

    def _make_room(self, needed_bytes: int) -> None:
        kept_bytes = self._end - self._start
        if kept_bytes == 0 and len(self._view) == _USUAL_BYTES:
            self._start = self._end = 0
        elif self._start + needed_bytes > len(self._view) or self._end == len(self._view) or kept_bytes == 0:
            fresh = memoryview(bytearray(max(_USUAL_BYTES, needed_bytes) if kept_bytes else _USUAL_BYTES))
            fresh[:kept_bytes] = self._view[self._start : self._end]
            self._view, self._start, self._end = fresh, 0, kept_bytes
