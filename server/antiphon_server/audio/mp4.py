"""Sample tables of MP4 and its relatives, checked before a demuxer believes them.

A few bytes there can promise billions of samples, and the demuxer makes room for each before it looks for any.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from antiphon_server.errors import BadAudio

_MAX_TABLE_BYTES = 33_554_432
_MAX_PACKETS = 6_000_000
"""A packet each 2.4 ms for 4 h; the demuxer takes 24 bytes for each."""
_MAX_SAMPLES_A_BYTE = 16
"""Of sound whose samples are not packets; the strongest such codec has four."""
_ENTRY_BYTES = 12
_MAX_BOXES = 2_000_000
"""Of the outermost level; a live recording may have two a packet."""
_MEDIA = (b"mdat", b"moov", b"moof")
_ENCRYPTED = (b"enca", b"drms")
_MAX_DESCRIPTIONS = 16
"""Of samples, looked at in each track; most have one."""
_MAX_OVERLAP = 4
"""How often a byte may be read as part of a list of chunks: once if the file is honest."""
_NO_TABLES = (b"mdat", b"free", b"skip", b"wide")
_FIRST_BOXES = (b"ftyp", b"moov", b"styp", b"moof", b"pnot", b"udta", b"junk", b"pict", b"uuid", *_NO_TABLES)


def check_tables(file: BinaryIO, num_bytes: int) -> None:
    """Refuse a file that is cut, encrypted, or promises more than it can hold; files of other kinds pass.

    Raises:
        BadAudio: If the end is missing, the sound is encrypted, or the tables are too long, compressed or untrue.
    """
    file.seek(4)
    if file.read(4) not in _FIRST_BOXES:
        return
    num_packets = 0
    for tables in _tables(file, num_bytes):
        if b"cmov" in tables:
            raise BadAudio("audio cannot be read: the tables of its MP4 are compressed", field="audio")
        _check_readable(tables)
        num_packets += _num_packets(tables)
        if num_packets > _MAX_PACKETS or _num_chunked(tables) > _MAX_SAMPLES_A_BYTE * num_bytes:
            raise BadAudio("audio cannot be read: its MP4 promises more packets than it can have", field="audio")


def _tables(file: BinaryIO, num_bytes: int) -> Iterator[bytes]:
    """Yield the boxes of the outermost level that may hold tables."""
    position = table_bytes = 0
    for _ in range(_MAX_BOXES):
        if position + 8 > num_bytes:
            return
        file.seek(position)
        header = file.read(16)
        size, name = int.from_bytes(header[:4]), header[4:8]
        if size == 1:
            size = int.from_bytes(header[8:])
        size = size if size >= 8 else num_bytes - position
        if name in _MEDIA and position + size > num_bytes:
            raise BadAudio("audio is truncated: the end of the file is missing", field="audio")
        if name not in _NO_TABLES:
            file.seek(position)
            tables = file.read(min(size, _MAX_TABLE_BYTES + 1))
            table_bytes += len(tables)
            if table_bytes > _MAX_TABLE_BYTES:
                raise BadAudio(f"audio has more than {_MAX_TABLE_BYTES} bytes of MP4 tables", field="audio")
            yield tables
        position += size
    raise BadAudio(f"audio cannot be read: its MP4 has more than {_MAX_BOXES} boxes", field="audio")


def _check_readable(tables: bytes) -> None:
    """Look at the kinds of sample that are described, of which there may be several for one track."""
    for at in _places(tables, b"stsd"):
        entry, end = at + 12, min(at - 4 + _number(tables, at - 4), len(tables))
        for _ in range(_MAX_DESCRIPTIONS):
            if entry + 8 > end:
                break
            kind = tables[entry + 4 : entry + 8]
            if kind in _ENCRYPTED:
                raise BadAudio(f"audio is encrypted: the sound of its MP4 is of kind {kind.decode()}", field="audio")
            entry += max(8, _number(tables, entry))


def _num_packets(tables: bytes) -> int:
    runs = sum(_number(tables, at + 8) for at in _places(tables, b"trun"))
    times = ((_number(tables, at + 8), _number(tables, at + 16)) for at in _places(tables, b"stts"))
    if b"stts" in tables and all(time == (1, 1) for time in times):
        return runs  # a sample is a point in time, not a packet: its chunks count
    return runs + sum(_number(tables, at + 12) for name in (b"stsz", b"stz2") for at in _places(tables, name))


def _num_chunked(tables: bytes) -> int:
    """Give the most samples there can be in chunks: as many as in the largest, in each."""
    num_chunks = sum(_number(tables, at + 8) for name in (b"stco", b"co64") for at in _places(tables, name))
    largest, num_left = 0, _MAX_OVERLAP * len(tables) // _ENTRY_BYTES
    for at in _places(tables, b"stsc"):
        entries = range(at + 12, min(_number(tables, at + 8) * _ENTRY_BYTES + at + 12, len(tables)), _ENTRY_BYTES)
        num_left -= len(entries)
        if num_left < 0:
            raise BadAudio("audio cannot be read: the tables of its MP4 overlap", field="audio")
        largest = max(largest, max((_number(tables, entry + 4) for entry in entries), default=0))
    return num_chunks * largest


def _places(tables: bytes, name: bytes) -> Iterator[int]:
    at = tables.find(name)
    while at >= 0:
        yield at
        at = tables.find(name, at + 4)


def _number(tables: bytes, at: int) -> int:
    return int(struct.unpack_from(">I", tables, at)[0]) if at + 4 <= len(tables) else 0
