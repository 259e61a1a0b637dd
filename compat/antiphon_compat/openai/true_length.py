"""True lengths in the header of a file that was encoded before its length was known."""

import struct

_RIFF_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8
_FLAC_LENGTH_AT = 18  # behind the magic, the block header and the sizes of blocks and frames
_FLAC_LENGTH_MASK = (1 << 36) - 1  # the low bits of eight bytes; rate, channels and depth stand above them
_INFO_WITHIN_BYTES = 64
_LAME_TAG_BYTES = 36
_LAME_DELAYS_AT = 21  # twelve bits of delay in front of the sound, twelve of padding behind it
_HAS_FRAMES_AND_SIZE = 3
_MAX_PADDING = 4_095


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


def set_mp3_length(mp3: bytearray, num_samples: int) -> None:
    """Say in the Info frame how many frames follow and how much of the last is sound; leaves other bytes alone."""
    info_at = mp3.find(b"Info", 0, _INFO_WITHIN_BYTES)
    lame_at = mp3.find(b"LAME", 0, _INFO_WITHIN_BYTES)
    if info_at < 0 or lame_at < 0:
        return
    sound_at = mp3.find(b"\xff", lame_at + _LAME_TAG_BYTES)  # what is left of the Info frame is zeros
    num_frames = _num_frames(mp3, sound_at)
    tag = mp3[lame_at : lame_at + _LAME_TAG_BYTES - 2]
    delay = int.from_bytes(tag[_LAME_DELAYS_AT : _LAME_DELAYS_AT + 3]) >> 12
    padding = num_frames * _samples_a_frame(mp3) - delay - num_samples
    if not 0 <= padding <= _MAX_PADDING:
        return
    tag[_LAME_DELAYS_AT : _LAME_DELAYS_AT + 3] = (delay << 12 | padding).to_bytes(3)
    head = mp3[:info_at] + struct.pack(">4sIII", b"Info", _HAS_FRAMES_AND_SIZE, num_frames, len(mp3)) + tag
    head += struct.pack(">H", _crc16(head))
    mp3[:sound_at] = head.ljust(sound_at, b"\0")


def _num_frames(mp3: bytearray, at: int) -> int:
    """Count frames of a constant bit rate: each is as long as the Info frame, or a byte longer if it says so."""
    frame_bytes, num_frames = at, 0
    while 0 <= at < len(mp3) - 2:
        at += frame_bytes + (mp3[at + 2] >> 1 & 1)
        num_frames += 1
    return num_frames


def _samples_a_frame(mp3: bytearray) -> int:
    is_mpeg1 = mp3[1] >> 3 & 3 == 3
    return 1_152 if is_mpeg1 else 576


def _crc16(data: bytearray) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
