import io

import numpy as np
import pytest
import soundfile

from antiphon_server.audio.g711 import compress_alaw, compress_mulaw, expand_alaw, expand_mulaw

CODES = bytes(range(256))
EVERY_SAMPLE = np.arange(-32_768, 32_768, dtype=np.int32).astype("<i2")


def samples(pcm):
    return np.frombuffer(pcm, dtype="<i2").astype(np.int32)


@pytest.mark.parametrize(
    ("code", "sample"),
    # G.711 table 2: first and last value of some segments, shifted to 16 bits.
    [
        (0x80, 32124),
        (0x8F, 16764),
        (0x90, 15996),
        (0xEF, 132),
        (0xFE, 8),
        (0xFF, 0),
        (0x7F, 0),
        (0x7E, -8),
        (0x00, -32124),
    ],
)
def test_mulaw_codes_have_the_values_of_the_recommendation(code, sample):
    assert samples(expand_mulaw(bytes([code]))).tolist() == [sample]


@pytest.mark.parametrize(
    ("code", "sample"),
    # G.711 table 1, with even bits inverted, shifted to 16 bits.
    [(0xD5, 8), (0x55, -8), (0xD4, 24), (0xAA, 32256), (0x2A, -32256), (0xC5, 264), (0x80, 5504), (0xBA, 16128)],
)
def test_alaw_codes_have_the_values_of_the_recommendation(code, sample):
    assert samples(expand_alaw(bytes([code]))).tolist() == [sample]


@pytest.mark.parametrize(("expand", "subtype"), [(expand_mulaw, "ULAW"), (expand_alaw, "ALAW")], ids=["mulaw", "alaw"])
def test_expanding_agrees_with_libsndfile_on_every_code(expand, subtype):
    theirs, _ = soundfile.read(
        io.BytesIO(CODES), dtype="int16", samplerate=8_000, channels=1, format="RAW", subtype=subtype
    )
    assert samples(expand(CODES)).tolist() == theirs.tolist()


@pytest.mark.parametrize(
    ("compress", "expand", "subtype"),
    [(compress_mulaw, expand_mulaw, "ULAW"), (compress_alaw, expand_alaw, "ALAW")],
    ids=["mulaw", "alaw"],
)
def test_compressing_is_never_farther_off_than_libsndfile(compress, expand, subtype):
    file = io.BytesIO()
    soundfile.write(file, EVERY_SAMPLE, 8_000, format="RAW", subtype=subtype)
    exact = EVERY_SAMPLE.astype(np.int32)
    ours = np.abs(samples(expand(compress(EVERY_SAMPLE.tobytes()))) - exact)
    theirs = np.abs(samples(expand(file.getvalue())) - exact)
    assert ours.max() <= theirs.max()
    assert ours.mean() <= theirs.mean()


@pytest.mark.parametrize(
    ("compress", "expand"), [(compress_mulaw, expand_mulaw), (compress_alaw, expand_alaw)], ids=["mulaw", "alaw"]
)
def test_a_code_survives_expanding_and_compressing(compress, expand):
    once = expand(CODES)
    assert expand(compress(once)) == once


@pytest.mark.parametrize(
    ("compress", "expand"), [(compress_mulaw, expand_mulaw), (compress_alaw, expand_alaw)], ids=["mulaw", "alaw"]
)
def test_louder_samples_never_become_softer(compress, expand):
    heard = samples(expand(compress(EVERY_SAMPLE.tobytes())))
    assert (np.diff(heard) >= 0).all()
