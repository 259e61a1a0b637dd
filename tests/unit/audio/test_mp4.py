"""Tables of MP4 files that promise what cannot be there, and those of honest files, which pass."""

import io
import resource
import struct

import av
import numpy as np
import pytest

from antiphon_server.audio.decode import decode_container
from antiphon_server.errors import BadAudio

RATE_HZ = 16_000
SOUND = (9_000 * np.sin(np.arange(2 * RATE_HZ) / 9)).astype("<i2")
MANY = 80_000_000


def recorded(muxer: str, codec: str, **options: str) -> bytearray:
    file = io.BytesIO()
    with av.open(file, "w", format=muxer, options=options) as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(SOUND.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return bytearray(file.getvalue())


def num_decoded(data: bytearray) -> int:
    return sum(map(len, decode_container(io.BytesIO(data), max_duration_ms=14_400_000))) // 2


@pytest.mark.parametrize(
    ("muxer", "codec", "options"),
    [
        ("ipod", "aac", {}),
        ("mp4", "aac", {"movflags": "+frag_keyframe+empty_moov", "frag_duration": "200000"}),
        ("mp4", "flac", {}),
        ("mov", "pcm_s16le", {}),
        ("mov", "alac", {}),
    ],
)
def test_honest_files_pass(muxer, codec, options):
    assert num_decoded(recorded(muxer, codec, **options)) == pytest.approx(len(SOUND), abs=2_100)


def bomb_of_samples() -> bytearray:
    data = recorded("ipod", "aac")
    struct.pack_into(">II", data, data.index(b"stsz") + 8, 1, MANY)
    struct.pack_into(">I", data, data.index(b"stsc") + 16, MANY)
    struct.pack_into(">I", data, data.index(b"stts") + 12, MANY)
    return data


def bomb_of_fragments() -> bytearray:
    data = recorded("mp4", "aac", movflags="+frag_keyframe+empty_moov")
    struct.pack_into(">II", data, data.index(b"trun") + 4, 0, MANY)
    return data


def bomb_of_chunks() -> bytearray:
    data = recorded("mov", "pcm_s16le")
    struct.pack_into(">I", data, data.index(b"stsc") + 16, 4_000_000_000)
    return data


def tables_inside_tables() -> bytearray:
    nested = b"stsc" * 500_000  # each begins a list as long as the rest: read one by one, they would take hours
    return bytearray(struct.pack(">I4s8xI4s", 16, b"ftyp", 8 + len(nested), b"moov") + nested)


def times_without_number() -> bytearray:
    times = struct.pack(">4s12x", b"stts") * 2_000_000
    return bytearray(
        struct.pack(">I4s8xI4s", 16, b"ftyp", 24 + len(times), b"moov") + times + struct.pack(">4s8xI", b"stsz", MANY)
    )


def compressed_tables() -> bytearray:
    data = recorded("ipod", "aac")
    at = data.index(b"udta")
    data[at : at + 4] = b"cmov"
    return data


@pytest.mark.parametrize(
    "make",
    [bomb_of_samples, bomb_of_fragments, bomb_of_chunks, tables_inside_tables, times_without_number, compressed_tables],
)
def test_tables_that_cannot_be_true_are_refused_before_room_is_made_for_them(make):
    data = make()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadAudio, match="MP4") as caught:
        num_decoded(data)
    assert caught.value.field == "audio"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 65_536


def test_tables_longer_than_any_sound_needs_are_not_read():
    box = struct.pack(">I4s", 40_000_000, b"moov") + bytes(40_000_000 - 8)
    with pytest.raises(BadAudio, match="more than 33554432 bytes"):
        num_decoded(bytearray(struct.pack(">I4s8x", 16, b"ftyp") + box))
