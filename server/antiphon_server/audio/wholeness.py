"""Whether a file was cut off, for the containers whose decoders do not notice."""

import os
from collections.abc import Callable
from typing import BinaryIO

from antiphon_server.errors import BadAudio

_STREAMED_SIZES = (0, 0xFFFF_FFFF)
_MAX_OGG_PAGE_BYTES = 65_307
_EBML_SEGMENT, _EBML_CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"


def check_whole(file: BinaryIO) -> None:
    """Refuse a WAV, Ogg or WebM whose last chunk, page or element is longer than what is left of the file.

    Leaves the file at its beginning. Other kinds pass: their decoders notice.

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


def _is_whole_wav(file: BinaryIO, num_bytes: int) -> bool:
    """Walk the chunks up to the samples; what follows them does not matter. RIFF of other kinds passes."""
    file.seek(8)
    if file.read(4) != b"WAVE":
        return True
    position = 12
    while position + 8 <= num_bytes:
        file.seek(position)
        header = file.read(8)
        size = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            return size in _STREAMED_SIZES or position + 8 + size <= num_bytes
        position += 8 + size + size % 2
    return False


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
    while position < num_bytes:
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
    return position == num_bytes


_CHECKS: dict[bytes, Callable[[BinaryIO, int], bool]] = {
    b"RIFF": _is_whole_wav,
    b"OggS": _is_whole_ogg,
    b"\x1a\x45\xdf\xa3": _is_whole_ebml,
}
