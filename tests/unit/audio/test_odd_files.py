"""Files that are unusual and right: heard as a player would play them."""

import io
import resource
import struct
import zlib

import numpy as np
import pytest
import soundfile

from antiphon_server.audio.container import decode_container
from antiphon_server.audio.decode import open_decoder
from antiphon_server.audio.format import Encoding, Format
from support.sound_files import recorded, tone, wav_of

HEARD_HZ = 16_000
PLAIN_MP3 = {"id3v2_version": "0", "write_xing": "0"}
FILMS = [("mp4", "aac"), ("mov", "aac"), ("matroska", "aac"), ("webm", "libopus")]
MAX_GROWTH_KIB = 65_536


def heard(data):
    pieces = decode_container(io.BytesIO(data), max_duration_ms=60_000)
    return np.frombuffer(b"".join(pieces), dtype="<i2").astype(float)


def live(data):
    decoder = open_decoder(Format(Encoding.WAV, HEARD_HZ))
    return np.frombuffer(decoder.push(data) + decoder.finish(), dtype="<i2").astype(float)


def seconds(samples):
    return len(samples) / HEARD_HZ


def pitch(samples):
    return np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * HEARD_HZ / len(samples)


def first_sound_s(samples):
    return np.flatnonzero(np.abs(samples) > 1_000)[0] / HEARD_HZ


@pytest.mark.parametrize(("muxer", "codec"), FILMS)
def test_the_sound_of_a_film_stands_where_the_film_has_it(muxer, codec):
    samples = heard(recorded(muxer, codec, film_s=2.0, late_s=1.0))
    assert abs(seconds(samples) - 3.0) < 0.05
    assert abs(first_sound_s(samples) - 1.0) < 0.02


@pytest.mark.parametrize(("muxer", "codec"), FILMS)
def test_a_film_may_be_longer_than_its_sound(muxer, codec):
    assert abs(seconds(heard(recorded(muxer, codec, film_s=5.0))) - 2.0) < 0.1


@pytest.mark.parametrize("default", [0, 1])
@pytest.mark.parametrize(("muxer", "codec"), [("mp4", "aac"), ("matroska", "aac")])
def test_of_two_tracks_the_default_one_is_heard(muxer, codec, default):
    data = recorded(muxer, codec, [tone(hz=440), tone(hz=880)], default=default)
    assert abs(pitch(heard(data)) - 440 * (default + 1)) < 5


def test_a_file_may_change_its_rate_and_channels():
    parts = [recorded("mp3", "libmp3lame", rate_hz=rate_hz, **PLAIN_MP3) for rate_hz in (24_000, 44_100)]
    parts.append(recorded("mp3", "libmp3lame", [np.repeat(tone(), 2, axis=1)], layout="stereo", **PLAIN_MP3))
    samples = heard(b"".join(parts))
    assert abs(seconds(samples) - 6.0) < 0.3
    for begin in (0, 2, 4):
        assert abs(pitch(samples[int((begin + 0.3) * HEARD_HZ) : int((begin + 1.8) * HEARD_HZ)]) - 440) < 5


@pytest.mark.parametrize("front", [b"", bytes(10_000), np.random.default_rng(5).bytes(100)], ids=len)
def test_mp3_may_be_joined_and_have_junk_in_front(front):
    one = recorded("mp3", "libmp3lame")
    assert abs(seconds(heard(front + one + one)) - 4.0) < 0.2


@pytest.mark.parametrize("num_channels", [6, 7, 9, 32])
def test_many_channels_are_mixed_down(num_channels):
    samples = heard(wav_of(np.repeat(tone(rate_hz=HEARD_HZ).T, num_channels, axis=1).tobytes(), channels=num_channels))
    assert abs(seconds(samples) - 2.0) < 0.01
    assert abs(pitch(samples) - 440) < 5
    assert abs(samples.max() - 9_830) < 200


@pytest.mark.parametrize("num_channels", [2, 8])
def test_one_channel_among_silent_ones_is_heard(num_channels):
    samples = np.zeros((2 * HEARD_HZ, num_channels), "<i2")
    samples[:, 1] = tone(rate_hz=HEARD_HZ)[0]
    for found in (
        heard(wav_of(samples.tobytes(), channels=num_channels)),
        live(wav_of(samples.tobytes(), channels=num_channels)),
    ):
        assert abs(pitch(found) - 440) < 5
        assert found.max() > 9_830 / num_channels - 50


@pytest.mark.parametrize("says_bytes", [0, 0x7FFF_0000, 0x7FFF_FFFF, 0xFFFF_FFDB, 0xFFFF_FFFF])
def test_a_wav_of_unknown_size_lasts_until_its_bytes_end(says_bytes):
    data = wav_of(tone(rate_hz=HEARD_HZ).tobytes(), says_bytes=says_bytes)
    assert seconds(heard(data)) == seconds(live(data)) == 2.0


def test_a_wav_that_says_less_than_it_has_is_believed():
    data = wav_of(tone(rate_hz=HEARD_HZ).tobytes(), says_bytes=HEARD_HZ)
    assert seconds(heard(data)) == seconds(live(data)) == 0.5


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "AIFF", "CAF"])
def test_every_kind_of_plain_sample_is_heard_alike(kind, subtype):
    subtype = "PCM_S8" if (kind, subtype) in (("AIFF", "PCM_U8"), ("CAF", "PCM_U8")) else subtype
    file, samples = io.BytesIO(), tone(0.2, rate_hz=HEARD_HZ)[0]
    soundfile.write(file, samples / 32_768, HEARD_HZ, format=kind, subtype=subtype)
    assert np.abs(heard(file.getvalue()) - samples).max() <= (256 if subtype.endswith("8") else 2)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000, 192_000])
def test_a_tone_stays_the_same_from_any_rate_and_what_cannot_be_kept_vanishes(rate_hz):
    kept = wav_of(tone(1.0, hz=1_000, rate_hz=rate_hz).tobytes(), rate_hz=rate_hz)
    for samples in (heard(kept), live(kept)):
        middle = samples[1_600:14_400]
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
        peak = int(np.argmax(spectrum))
        assert peak * HEARD_HZ / len(middle) == 1_000
        assert abs(np.abs(middle).max() / 9_830 - 1) < 0.02
        spectrum[peak - 4 : peak + 5] = 0
        assert spectrum.max() < 1e-3 * 9_830 * len(middle) / 4  # 60 dB below
    lost = wav_of(tone(1.0, hz=30_000, rate_hz=rate_hz).tobytes(), rate_hz=rate_hz)
    if rate_hz > 60_000:
        assert max(np.abs(heard(lost)[1_600:14_400]).max(), np.abs(live(lost)[1_600:14_400]).max()) < 10


def test_a_picture_on_the_cover_is_not_decoded():
    side = 6_400
    squeezer = zlib.compressobj(1)
    rows = b"".join(squeezer.compress(bytes(80 * (1 + 4 * side))) for _ in range(side // 80)) + squeezer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    picture = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    frame = b"\0image/png\0\3\0\x89PNG\r\n\x1a\n" + picture
    tag = b"APIC" + struct.pack(">I", len(frame)) + b"\0\0" + frame
    size = bytes(len(tag) >> shift & 127 for shift in (21, 14, 7, 0))
    data = b"ID3\x03\0\0" + size + tag + recorded("mp3", "libmp3lame", **PLAIN_MP3)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert abs(seconds(heard(data)) - 2.0) < 0.1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < MAX_GROWTH_KIB  # the picture has 164 MB
