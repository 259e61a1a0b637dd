"""Pace and pitch of sound that is made already: as long as asked, the same however it comes, and without clicks."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.audio.delivery import Delivery
from antiphon_server.audio.floats import to_floats, to_pcm

RATE_HZ = 24_000
SPEEDS = [0.25, 0.4, 0.5, 0.8, 0.95, 1.1, 1.5, 2.0, 3.0, 4.0]
_TIMES = np.arange(2 * RATE_HZ) / RATE_HZ


def tone(hz: float = 150) -> np.ndarray:
    """Sound that swells and ebbs, and rises from silence in 10 ms."""
    swell = 1 + 0.3 * np.sin(2 * np.pi * 2 * _TIMES)
    return (0.3 * np.sin(2 * np.pi * hz * _TIMES + 1) * swell * np.minimum(1, _TIMES / 0.01)).astype(np.float32)


def changed(pcm: bytes, places: list[int], *, speed: float = 1.0, pitch_semitones: float = 0.0) -> list[bytes]:
    """Change samples that are cut at ``places``; the last piece is what came at the end."""
    delivery = Delivery(RATE_HZ, speed=speed, pitch_semitones=pitch_semitones)
    edges = [0, *sorted(2 * place for place in places), len(pcm)]
    return [*(delivery.push(pcm[start:end]) for start, end in itertools.pairwise(edges)), delivery.finish()]


@settings(max_examples=25, deadline=None)
@given(
    places=st.lists(st.integers(0, 9_000), max_size=12),
    speed=st.sampled_from([*SPEEDS, 1.0]),
    pitch=st.sampled_from([0.0, 0.0, -12.0, 3.5]),
)
def test_pieces_give_the_same_bytes_as_the_whole(places, speed, pitch):
    pcm = to_pcm(tone()[:9_000])
    pieces = b"".join(changed(pcm, places, speed=speed, pitch_semitones=pitch))
    assert pieces == b"".join(changed(pcm, [], speed=speed, pitch_semitones=pitch))


@given(st.binary(max_size=400).map(lambda data: data[: len(data) // 2 * 2]))
def test_natural_pace_and_pitch_change_no_bit(pcm):
    assert Delivery(RATE_HZ, speed=1.0, pitch_semitones=0.0).is_natural
    assert changed(pcm, [len(pcm) // 4]) == [pcm[: len(pcm) // 4 * 2], pcm[len(pcm) // 4 * 2 :], b""]


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("num_samples", [0, 1, 500, 23_456])
def test_the_sound_is_as_long_as_the_pace_asks_to_the_sample(speed, num_samples):
    pcm = to_pcm(tone()[:num_samples])
    assert len(b"".join(changed(pcm, [], speed=speed))) // 2 == round(num_samples / speed)


@pytest.mark.parametrize("speed", SPEEDS)
def test_there_is_no_click_at_the_beginning_nor_later(speed):
    sound = tone()
    steepest, roundest = np.abs(np.diff(sound)).max(), np.abs(np.diff(sound, 2))[300:].max()
    slowed = to_floats(b"".join(changed(to_pcm(sound), [], speed=speed)))
    body = slowed[: -round(0.1 * RATE_HZ / speed)]
    assert np.abs(np.diff(body, 2)).max() < 6 * roundest
    assert np.abs(np.diff(np.pad(slowed, 1))).max() < 2.5 * steepest  # it stops at its loudest, which is not heard
    assert body.std() == pytest.approx(sound.std(), rel=0.05)


@pytest.mark.parametrize("speed", [speed for speed in SPEEDS if speed <= 2])
def test_there_is_sound_after_the_first_90_ms_at_paces_up_to_double(speed):
    pcm = to_pcm(tone())
    assert changed(pcm, [RATE_HZ * 90 // 1000], speed=speed)[0]


@pytest.mark.parametrize("speed", SPEEDS)
def test_a_word_is_where_it_belongs(speed):
    """A burst of 200 ms in the middle of silence, to a twentieth of a second of what was said."""
    sound = np.where((_TIMES >= 1.0) & (_TIMES < 1.2), tone(), 0).astype(np.float32)
    loud = np.flatnonzero(np.abs(to_floats(b"".join(changed(to_pcm(sound), [], speed=speed)))) > 0.05) * speed / RATE_HZ
    assert loud[0] == pytest.approx(1.0, abs=0.05 * max(1, speed))
    assert loud[-1] == pytest.approx(1.2, abs=0.05 * max(1, speed))


@pytest.mark.parametrize(("speed", "semitones"), [(1.0, 12.0), (1.0, -12.0), (1.0, 3.0), (0.5, -5.0), (2.0, 5.0)])
def test_pitch_moves_and_the_length_is_that_of_the_pace(speed, semitones):
    sound = to_floats(b"".join(changed(to_pcm(tone()), [], speed=speed, pitch_semitones=semitones)))
    assert len(sound) == pytest.approx(len(_TIMES) / speed, abs=4)
    middle = sound[len(sound) // 4 : len(sound) // 4 + 12_000]
    peak_hz = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle))))) * RATE_HZ / len(middle)
    assert peak_hz == pytest.approx(150 * 2 ** (semitones / 12), abs=4)
