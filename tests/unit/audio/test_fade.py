import numpy as np

from antiphon_server.audio.fade import fade_in, fade_out

LOUD = np.full(2_400, 20_000, dtype="<i2").tobytes()


def samples(pcm):
    return np.frombuffer(pcm, dtype="<i2").astype(int)


def test_a_fade_out_ends_in_silence_and_leaves_the_rest_alone():
    faded = samples(fade_out(LOUD, 24_000))
    assert faded[-1] == 0
    assert (faded[:-120] == 20_000).all()
    assert (np.diff(faded[-121:]) < 0).all()


def test_a_fade_in_is_its_mirror():
    assert samples(fade_in(LOUD, 24_000)).tolist() == samples(fade_out(LOUD, 24_000)).tolist()[::-1]


def test_sound_shorter_than_the_ramp_is_lowered_all_over():
    faded = samples(fade_out(LOUD[:20], 24_000, ms=5))
    assert len(faded) == 10
    assert faded[-1] == 0
    assert faded[0] < 20_000 or len(faded) == 1


def test_nothing_stays_nothing():
    assert fade_out(b"", 24_000) == b""
