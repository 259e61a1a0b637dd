"""Whether a file was cut off, for the containers whose decoders do not notice."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal

from antiphon_server.audio.wav import is_streamed_size
from antiphon_server.errors import BadAudio

_MAX_OGG_PAGE_BYTES = 65_307
_EBML_SEGMENT, _EBML_CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_MAX_ELEMENTS = 4_000_000
"""Twice what a film of 4 h has; a file could have fifty million, each two bytes long."""
_MAX_CHUNKS = 100_000
_AU_UNKNOWN = 0xFFFF_FFFF


def check_whole(file: BinaryIO) -> None:
    """Refuse a file whose last chunk, page or element is longer than what is left of it.

    WAV, W64, AIFF, CAF, AU, Ogg and WebM are looked at. Leaves the file at its beginning. Other kinds pass: their
    decoders notice.

    Raises:
        BadAudio: If the end is missing.
    """
    num_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(4)
    check = _CHECKS.get(head)
    if check is not None and not check(file, num_bytes):
        raise BadAudio("audio is truncated: the end of the file is missing", field="audio")
    file.seek(0)


@dataclass(frozen=True, slots=True)
class _Chunks:
    """How the chunks of a container lie."""

    kinds: tuple[bytes, ...]
    """What stands at ``kind_at`` in files that are meant; others pass."""
    kind_at: int
    begin: int
    """Where the first chunk begins."""
    name_bytes: int
    size_bytes: int
    order: Literal["little", "big"]
    samples: bytes
    """How the name of the chunk with the samples begins."""
    counts_header: bool = False
    """Whether a chunk's size includes its header."""
    align: int = 1

    def are_whole(self, file: BinaryIO, num_bytes: int) -> bool:
        """Walk the chunks up to the samples; what follows them does not matter."""
        file.seek(self.kind_at)
        if file.read(4) not in self.kinds:
            return True
        position, header_bytes = self.begin, self.name_bytes + self.size_bytes
        for _ in range(_MAX_CHUNKS):
            if position + header_bytes > num_bytes:
                return False
            file.seek(position)
            header = file.read(header_bytes)
            size = int.from_bytes(header[self.name_bytes :], self.order)
            is_streamed = self._is_streamed(size)
            size -= header_bytes if self.counts_header else 0
            if header.startswith(self.samples):
                return is_streamed or position + header_bytes + size <= num_bytes
            position += header_bytes + max(size, 0)
            position += -position % self.align
        return False

    def _is_streamed(self, size: int) -> bool:
        return is_streamed_size(size) if self.size_bytes == 4 else size == 0 or size >= 1 << 62


_WAV = _Chunks((b"WAVE",), 8, 12, 4, 4, "little", b"data", align=2)
_AIFF = _Chunks((b"AIFF", b"AIFC"), 8, 12, 4, 4, "big", b"SSND", align=2)
_CAF = _Chunks((b"caff",), 0, 8, 4, 8, "big", b"data")
_W64 = _Chunks((b"wave",), 24, 40, 16, 8, "little", b"data", counts_header=True, align=8)


def _is_whole_au(file: BinaryIO, num_bytes: int) -> bool:
    offset, size = int.from_bytes(file.read(4)), int.from_bytes(file.read(4))
    return size == _AU_UNKNOWN or offset + size <= num_bytes


def _is_whole_ogg(file: BinaryIO, num_bytes: int) -> bool:
    """Compare the length of the last page with what is there of it."""
    file.seek(max(0, num_bytes - 2 * _MAX_OGG_PAGE_BYTES))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return False
    return len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


def _is_whole_ebml(file: BinaryIO, num_bytes: int) -> bool:
    """Walk the elements, into segments and clusters, which may have no size of their own."""
    position = 0
    for _ in range(_MAX_ELEMENTS):
        if position >= num_bytes:
            return position == num_bytes
        file.seek(position)
        header = file.read(12)
        id_length = 9 - header[0].bit_length()
        name, rest = header[:id_length], header[id_length:]
        size_length = 9 - rest[0].bit_length() if rest else 9
        if id_length > 4 or size_length > 8 or len(rest) < size_length:
            return False
        position += id_length + size_length
        if name not in (_EBML_SEGMENT, _EBML_CLUSTER):
            position += int.from_bytes(rest[:size_length]) & ((1 << 7 * size_length) - 1)
    raise BadAudio(f"audio cannot be read: its file has more than {_MAX_ELEMENTS} elements", field="audio")


_CHECKS: dict[bytes, Callable[[BinaryIO, int], bool]] = {
    b"RIFF": _WAV.are_whole,
    b"FORM": _AIFF.are_whole,
    b"caff": _CAF.are_whole,
    b"riff": _W64.are_whole,
    b".snd": _is_whole_au,
    b"OggS": _is_whole_ogg,
    b"\x1a\x45\xdf\xa3": _is_whole_ebml,
}
