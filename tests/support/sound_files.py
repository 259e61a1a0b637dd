"""Files of sound made for tests: any muxer and codec, with film, several tracks, late sound, or keys."""

import io
import struct
from collections.abc import Sequence

import av
import numpy as np
from av.stream import Disposition

RATE_HZ = 24_000


class Live:
    """A file that cannot be gone back in, as when a browser records."""

    def __init__(self):
        self.parts = []

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)


def tone(seconds=2.0, *, hz=440, rate_hz=RATE_HZ):
    """Make ``[1, N]`` samples of s16."""
    places = np.arange(round(seconds * rate_hz))
    return (9_830 * np.sin(2 * np.pi * hz * places / rate_hz)).astype("<i2").reshape(1, -1)


def recorded(
    muxer: str,
    codec: str,
    tracks: Sequence[np.ndarray] = (),
    *,
    rate_hz: int = RATE_HZ,
    layout: str = "mono",
    film_s: float = 0.0,
    late_s: float = 0.0,
    default: int = 0,
    live: bool = False,
    **options: str,
) -> bytes:
    """Write tracks of s16 samples, beside a film of ``film_s`` if that is not 0; 2 s of a tone if none is given."""
    file = Live() if live else io.BytesIO()
    with av.open(file, "w", format=muxer, options=options) as container:
        film = _film(container) if film_s else None
        streams = [container.add_stream(codec, rate=rate_hz, layout=layout) for _ in tracks or (0,)]
        if len(streams) > 1:
            for index, stream in enumerate(streams):
                stream.disposition = Disposition.default if index == default else Disposition(0)
        if film is not None:
            _shoot(container, film, film_s)
        for stream, samples in zip(streams, tracks or (tone(rate_hz=rate_hz),), strict=True):
            if samples.size:
                frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
                frame.sample_rate, frame.pts = rate_hz, round(late_s * rate_hz)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return b"".join(file.parts) if live else file.getvalue()


def film_without_sound(muxer: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        _shoot(container, _film(container), 1.0)
    return file.getvalue()


def encrypted_matroska() -> bytes:
    """A track whose header names a key, with packets that are noise."""
    key = _element(0x47E1, b"\x05") + _element(0x47E2, b"0123456789abcdef")
    encodings = _element(0x6D80, _element(0x6240, _element(0x5033, b"\x01") + _element(0x5035, key)))
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0)
    sound = _element(0xE1, _element(0xB5, struct.pack(">d", 48_000.0)) + _element(0x9F, b"\x01"))
    track = _element(0xD7, b"\x01") + _element(0x73C5, b"\x01") + _element(0x83, b"\x02") + _element(0x86, b"A_OPUS")
    tracks = _element(0x1654AE6B, _element(0xAE, track + encodings + _element(0x63A2, head) + sound))
    noise = np.random.default_rng(4)
    blocks = b"".join(_element(0xA3, struct.pack(">BHB", 0x81, 20 * at, 0x80) + noise.bytes(60)) for at in range(50))
    segment = _element(0x18538067, tracks + _element(0x1F43B675, _element(0xE7, b"\0") + blocks))
    return _element(0x1A45DFA3, _element(0x4282, b"webm")) + segment


def opus_silence(seconds: float, *, says_s: float | None = None) -> bytes:
    """Ogg of packets that hold nothing but their length, 3 bytes for 120 ms, and what its pages say of the time."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0)
    pages = [_page([head], 0, 0, 2), _page([b"OpusTags" + struct.pack("<II", 0, 0)], 0, 1, 0)]
    num_left, granule = round(seconds / 0.12), 0
    while num_left:
        num = min(255, num_left)
        num_left, granule = num_left - num, granule + num * 5_760
        says = granule if says_s is None else round(says_s * 48_000)
        pages.append(_page([b"\x1b\x02"] * num, says, len(pages), 0 if num_left else 4))
    return b"".join(pages)


def wav_of(samples: bytes, *, says_bytes: int | None = None, channels: int = 1, rate_hz: int = 16_000, bits: int = 16):
    size = len(samples) if says_bytes is None else says_bytes
    frame = channels * bits // 8
    head = (b"RIFF", min(36 + size, 0xFFFF_FFFF), b"WAVE", b"fmt ", 16, 1, channels, rate_hz, rate_hz * frame, frame)
    return struct.pack("<4sI4s4sIHHIIHH4sI", *head, bits, b"data", size) + samples


def _film(container):
    codec = "libvpx" if container.format.name == "webm" else "mpeg4"
    stream = container.add_stream(codec, rate=10)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
    return stream


def _shoot(container, stream, seconds):
    for index in range(round(seconds * 10)):
        frame = av.VideoFrame(32, 32, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.pts = index
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _element(name: int, body: bytes) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8) + (len(body) | 1 << 56).to_bytes(8) + body


def _page(packets, granule, sequence, flags):
    head = b"OggS\0" + struct.pack("<BqIII", flags, granule, 7, sequence, 0)
    body = head + bytes([len(packets)]) + bytes(map(len, packets)) + b"".join(packets)
    return body[:22] + struct.pack("<I", _sum(body)) + body[26:]


def _sum(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8) & 0xFFFF_FFFF ^ _SUMS[value >> 24 ^ byte]
    return value


def _sum_of(byte: int) -> int:
    value = byte << 24
    for _ in range(8):
        value = (value << 1) & 0xFFFF_FFFF ^ (0x04C1_1DB7 if value >> 31 else 0)
    return value


_SUMS = [_sum_of(byte) for byte in range(256)]
