import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.audio.resample import Resampler

RATES_HZ = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000]


def noise(num_samples):
    return np.random.default_rng(7).integers(-32_768, 32_768, num_samples).astype("<i2").tobytes()


def resample(pcm, rate_in_hz, rate_out_hz, piece_samples):
    resampler = Resampler(rate_in_hz, rate_out_hz)
    step = 2 * piece_samples
    return b"".join(resampler.push(pcm[at : at + step]) for at in range(0, len(pcm), step)) + resampler.finish()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(RATES_HZ), st.sampled_from(RATES_HZ), st.integers(1, 4_000))
def test_pieces_give_the_same_samples_as_the_whole(rate_in_hz, rate_out_hz, piece_samples):
    pcm = noise(3_000)
    assert resample(pcm, rate_in_hz, rate_out_hz, piece_samples) == resample(pcm, rate_in_hz, rate_out_hz, 3_000)


@pytest.mark.parametrize("rate_out_hz", RATES_HZ)
def test_a_second_stays_a_second(rate_out_hz):
    assert len(resample(noise(24_000), 24_000, rate_out_hz, 960)) == 2 * rate_out_hz


def test_equal_rates_pass_bytes_through():
    resampler = Resampler(24_000, 24_000)
    assert resampler.push(b"\x01\x02") == b"\x01\x02"
    assert resampler.finish() == b""


def test_a_tone_keeps_its_pitch_and_loudness():
    tone = 16_000 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000)
    pcm = resample(tone.astype("<i2").tobytes(), 24_000, 16_000, 500)
    heard = np.frombuffer(pcm, dtype="<i2").astype(np.float64)[1_000:-1_000]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(np.argmax(spectrum) * 16_000 / len(heard) - 440) < 2
    assert abs(heard.max() - 16_000) < 100


def test_overshoot_is_limited_and_never_wraps_around():
    square = np.where(np.arange(4_800) // 24 % 2, 32_767, -32_768).astype("<i2")
    heard = np.frombuffer(resample(square.tobytes(), 24_000, 48_000, 4_800), dtype="<i2").astype(int)
    expected = np.repeat(square.astype(int), 2)
    inside = np.abs(np.arange(len(heard)) % 48 - 24) < 16
    assert heard.max() == 32_767
    assert (np.sign(heard) == np.sign(expected))[inside].all()


def test_nothing_in_gives_nothing_out():
    assert resample(b"", 8_000, 16_000, 10) == b""
