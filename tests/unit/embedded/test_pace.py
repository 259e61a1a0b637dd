import numpy as np
import pytest

from antiphon_server.audio.pace import change_pace

RATE_HZ = 24_000
TONE = np.sin(np.arange(RATE_HZ * 2) * (2 * np.pi * 220 / RATE_HZ)).astype(np.float32) * 0.5


@pytest.mark.parametrize("factor", [0.1, 0.25, 0.5, 0.8, 1.5, 2.0, 3.0, 4.0])
def test_duration_changes_and_pitch_stays(factor):
    changed = change_pace(TONE, rate_hz=RATE_HZ, factor=factor)
    assert len(changed) == pytest.approx(len(TONE) / factor, rel=0.08)
    middle = changed[len(changed) // 4 : len(changed) // 4 + 8000]
    peak_hz = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle))))) * RATE_HZ / len(middle)
    assert peak_hz == pytest.approx(220, abs=8)


def test_a_factor_of_one_changes_nothing():
    assert change_pace(TONE, rate_hz=RATE_HZ, factor=1.0) is TONE


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_factors_are_refused(factor):
    with pytest.raises(ValueError, match="factor must be positive"):
        change_pace(TONE, rate_hz=RATE_HZ, factor=factor)
