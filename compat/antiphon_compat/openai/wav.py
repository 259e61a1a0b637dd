"""True sizes in the header of a WAV file that was written before its length was known."""

import struct

_RIFF_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8


def set_true_sizes(wav: bytearray) -> None:
    """Replace the sizes of the RIFF and data chunks in place; leaves bytes that are no WAV file alone."""
    if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
        return
    at = _RIFF_HEADER_BYTES
    while at + _CHUNK_HEADER_BYTES <= len(wav):
        size = struct.unpack_from("<I", wav, at + 4)[0]
        if wav[at : at + 4] == b"data":
            struct.pack_into("<I", wav, at + 4, len(wav) - at - _CHUNK_HEADER_BYTES)
            struct.pack_into("<I", wav, 4, len(wav) - _CHUNK_HEADER_BYTES)
            return
        at += _CHUNK_HEADER_BYTES + size + size % 2
