"""True lengths in the header of a file that was encoded before its length was known."""

import struct

_RIFF_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8
_FLAC_LENGTH_AT = 18  # behind the magic, the block header and the sizes of blocks and frames
_FLAC_LENGTH_MASK = (1 << 36) - 1  # the low bits of eight bytes; rate, channels and depth stand above them


def set_wav_length(wav: bytearray) -> None:
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


def set_flac_length(flac: bytearray, num_samples: int) -> None:
    """Replace the number of samples in place; leaves bytes that are no FLAC file alone."""
    if flac[:4] != b"fLaC" or len(flac) < _FLAC_LENGTH_AT + 8:
        return
    packed = struct.unpack_from(">Q", flac, _FLAC_LENGTH_AT)[0]
    struct.pack_into(">Q", flac, _FLAC_LENGTH_AT, packed & ~_FLAC_LENGTH_MASK | num_samples & _FLAC_LENGTH_MASK)
