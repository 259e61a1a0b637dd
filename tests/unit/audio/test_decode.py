import io
import struct
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.audio.decode import open_decoder
from antiphon_server.audio.encode import wav_header
from antiphon_server.audio.format import Encoding, Format
from antiphon_server.errors import BadAudio, InvalidField, UnsupportedFormat

WAVE = np.random.default_rng(3).integers(-20_000, 20_000, 900).astype("<i2")


def decode(encoding, data, *, rate_hz=16_000, cuts=(), rate_out_hz=16_000):
    decoder = open_decoder(Format(encoding, rate_hz), rate_out_hz)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [decoder.push(data[begin:end]) for begin, end in pairwise(edges)]
    return b"".join(pieces) + decoder.finish()


def chunk(name, body):
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def wav(*chunks):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def fmt(code=1, channels=1, rate_hz=16_000, bits=16, extra=b""):
    frame = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * frame, frame, bits) + extra)


def written(samples, subtype, kind="WAV"):
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format=kind, subtype=subtype)
    return file.getvalue()


def scaled(subtype):
    return WAVE / 32_768 if subtype in ("FLOAT", "DOUBLE") else WAVE


cut_lists = st.lists(st.integers(0, 2_000), max_size=12)


@settings(max_examples=60, deadline=None)
@given(cut_lists, st.sampled_from([Encoding.PCM_S16LE, Encoding.WAV, Encoding.MULAW, Encoding.ALAW]))
def test_bytes_may_be_cut_anywhere(cuts, encoding):
    header = wav_header(24_000, WAVE.nbytes) if encoding is Encoding.WAV else b""
    data = header + WAVE.tobytes()
    assert decode(encoding, data, rate_hz=24_000, cuts=cuts) == decode(encoding, data, rate_hz=24_000)


def test_pcm_at_the_wanted_rate_comes_out_as_it_went_in():
    assert decode(Encoding.PCM_S16LE, WAVE.tobytes(), cuts=[3, 4, 901]) == WAVE.tobytes()


def test_an_odd_byte_at_the_end_is_reported_with_the_count():
    with pytest.raises(BadAudio) as caught:
        decode(Encoding.PCM_S16LE, bytes(333), cuts=[100, 201])
    assert caught.value.field == "audio"
    assert "333" in caught.value.message


@pytest.mark.parametrize(("encoding", "subtype"), [(Encoding.MULAW, "ULAW"), (Encoding.ALAW, "ALAW")])
def test_telephone_formats_are_heard_as_libsndfile_wrote_them(encoding, subtype):
    heard = np.frombuffer(decode(encoding, written(WAVE, subtype, "RAW")), dtype="<i2").astype(int)
    assert np.abs(heard - WAVE).max() <= 512


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_every_kind_of_wav_sample_is_understood(subtype):
    heard = np.frombuffer(decode(Encoding.WAV, written(scaled(subtype), subtype)), dtype="<i2").astype(int)
    tolerance = {"PCM_U8": 256, "ULAW": 512, "ALAW": 512}.get(subtype, 1)
    assert len(heard) == len(WAVE)
    assert np.abs(heard - WAVE).max() <= tolerance


def test_stereo_is_mixed_down():
    stereo = np.stack([WAVE, np.full_like(WAVE, 1_000)], axis=1)
    heard = np.frombuffer(decode(Encoding.WAV, written(stereo, "PCM_16")), dtype="<i2").astype(int)
    assert np.abs(heard - (WAVE.astype(int) + 1_000) / 2).max() <= 0.5


def test_an_extensible_header_is_read():
    extra = struct.pack("<HHI", 22, 16, 4) + b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    data = wav(fmt(code=0xFFFE, extra=extra), chunk(b"data", WAVE.tobytes()))
    assert decode(Encoding.WAV, data) == WAVE.tobytes()


def test_other_chunks_are_skipped_wherever_they_stand():
    noise = chunk(b"LIST", b"INFOdata" + b"x" * 41)
    data = wav(noise, fmt(), chunk(b"fact", bytes(4)), noise, chunk(b"data", WAVE.tobytes()), noise)
    assert decode(Encoding.WAV, data, cuts=range(200)) == WAVE.tobytes()


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF])
def test_a_streamed_wav_lasts_until_its_bytes_end(size):
    data = wav_header(16_000, None)[:40] + struct.pack("<I", size) + WAVE.tobytes()
    assert decode(Encoding.WAV, data) == WAVE.tobytes()


def test_the_header_decides_the_rate():
    heard = decode(Encoding.WAV, wav_header(48_000, WAVE.nbytes) + WAVE.tobytes(), rate_hz=8_000)
    assert len(heard) == 2 * 300


def test_loud_and_broken_floats_stay_in_range():
    samples = np.array([2.0, -9.0, np.nan, np.inf, -np.inf, 0.5], dtype="<f4")
    data = wav(fmt(code=3, bits=32), chunk(b"data", samples.tobytes()))
    assert np.frombuffer(decode(Encoding.WAV, data), dtype="<i2").tolist() == [
        32_767,
        -32_768,
        0,
        32_767,
        -32_768,
        16_384,
    ]


WHOLE = wav_header(16_000, WAVE.nbytes) + WAVE.tobytes()


@pytest.mark.parametrize("num_bytes", [0, 1, 3, 4, 11, 12, 20, 35, 43, 44, 45, 1_000, len(WHOLE) - 1])
def test_a_truncated_wav_is_refused(num_bytes):
    with pytest.raises(BadAudio, match="truncated") as caught:
        decode(Encoding.WAV, WHOLE[:num_bytes])
    assert caught.value.field == "audio"


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04" + bytes(60),
        b"hello",
        b"RIFX" + bytes(60),
        b"RIFF\0\0\0\0AVI " + bytes(60),
        wav(chunk(b"data", bytes(8)), fmt()),
        wav(chunk(b"fmt ", bytes(4))),
        wav(b"fmt \xff\xff\xff\x7f"),
        wav(fmt(code=2), chunk(b"data", bytes(8))),
        wav(fmt(bits=12), chunk(b"data", bytes(8))),
        wav(fmt(channels=0), chunk(b"data", bytes(8))),
        wav(fmt(rate_hz=0), chunk(b"data", bytes(8))),
        wav(fmt(channels=2), chunk(b"data", bytes(6))),
    ],
    ids=["zip", "text", "big-endian", "avi", "data-first", "short-fmt", "huge-fmt", "adpcm", "12-bit", "no-channels",
         "no-rate", "half-a-frame"],
)  # fmt: skip
def test_what_is_no_readable_wav_is_refused(data):
    with pytest.raises(BadAudio) as caught:
        decode(Encoding.WAV, data)
    assert caught.value.field == "audio"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120), st.integers(0, len(WHOLE)), st.integers(0, 60))
def test_damage_ends_in_sound_or_bad_audio_and_nothing_else(garbage, position, kept):
    data = WHOLE[: min(position, kept)] + garbage + WHOLE[position:]
    try:
        decoded = decode(Encoding.WAV, data)
    except BadAudio:
        return
    assert len(decoded) % 2 == 0


@pytest.mark.parametrize("encoding", [Encoding.MP3, Encoding.OGG_OPUS, Encoding.AAC, Encoding.FLAC, Encoding.CONTAINER])
def test_formats_that_cannot_be_streamed_in_are_refused(encoding):
    with pytest.raises(UnsupportedFormat) as caught:
        open_decoder(Format(encoding, 16_000))
    assert caught.value.field == "format.encoding"


@pytest.mark.parametrize("rate_hz", [0, 7_999, 48_001])
def test_headerless_audio_needs_a_rate_in_range(rate_hz):
    with pytest.raises(InvalidField, match=str(rate_hz)):
        open_decoder(Format(Encoding.PCM_S16LE, rate_hz))
