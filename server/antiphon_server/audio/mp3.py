"""The frame before the sound of an MP3, which tells players how much of what they decode was never said."""

import struct

_ENCODER_DELAY = 576
"""Samples LAME puts before the sound; decoders know their own 529."""
_RATE_BITS = {
    44_100: (3, 0),
    48_000: (3, 1),
    32_000: (3, 2),
    22_050: (2, 0),
    24_000: (2, 1),
    16_000: (2, 2),
    11_025: (0, 0),
    12_000: (0, 1),
    8_000: (0, 2),
}
"""MPEG version and place in its list of rates, as frame headers number them."""
_MPEG1 = 3
_BITS_PER_S = {_MPEG1: 128_000}
_BITRATE_BITS = {_MPEG1: 9}
_LOW_BITS_PER_S, _LOW_BITRATE_BITS = 64_000, 8
_HAS_SIZE, _UNKNOWN_SIZE = 2, 0xFFFF_FFFF
_CONSTANT_RATE = 1


def bits_per_s(rate_hz: int) -> int:
    """Bit rate to encode a sample rate at; ``info_frame`` is written for it."""
    return _BITS_PER_S.get(_RATE_BITS[rate_hz][0], _LOW_BITS_PER_S)


def info_frame(rate_hz: int) -> bytes:
    """Write a silent frame whose Info tag says the encoder's delay, and that the length is unknown.

    Players that know the tag skip it and the delay. It names a size because some believe no tag without one.

    Args:
        rate_hz: One of the nine MPEG rates.
    """
    version, rate_bits = _RATE_BITS[rate_hz]
    is_mpeg1 = version == _MPEG1
    bitrate_bits = _BITRATE_BITS.get(version, _LOW_BITRATE_BITS)
    header = bytes((0xFF, 0xE3 | version << 3, bitrate_bits << 4 | rate_bits << 2, 0xC4))
    head = header + bytes(17 if is_mpeg1 else 9) + struct.pack(">4sII", b"Info", _HAS_SIZE, _UNKNOWN_SIZE)
    tag = _lame_tag(bits_per_s(rate_hz) // 1000)
    num_bytes = (144 if is_mpeg1 else 72) * bits_per_s(rate_hz) // rate_hz
    frame = head + tag
    checked = frame + struct.pack(">H", _crc16(frame))
    return checked + bytes(num_bytes - len(checked))


def _lame_tag(kbits_per_s: int) -> bytes:
    """All of the tag but its check sum: no gain, no preset, no length, no sum of the music."""
    delay_and_padding = (_ENCODER_DELAY << 12).to_bytes(3)
    return struct.pack(">9sBB8xBB3s10x", b"LAME3.100", _CONSTANT_RATE, 0, 0, kbits_per_s, delay_and_padding)


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
