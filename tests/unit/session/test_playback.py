import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.errors import InvalidField
from antiphon_server.session.playback import Playback


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_audio_in_time_never_starves(clock):
    playback = Playback(1000, clock)
    for _ in range(5):
        playback.wrote(100)
        clock.now += 0.09
    assert (playback.stall.num_underruns, playback.stall.underrun_ms) == (0, 0.0)


def test_a_late_chunk_is_one_underrun_of_its_lateness(clock):
    playback = Playback(1000, clock)
    playback.wrote(100)
    clock.now += 0.25
    playback.wrote(100)
    clock.now += 0.05
    playback.wrote(100)
    assert playback.stall.num_underruns == 1
    assert playback.stall.underrun_ms == pytest.approx(150)


def test_a_starved_player_goes_on_later_so_lateness_counts_once(clock):
    playback = Playback(1000, clock)
    playback.wrote(100)
    clock.now += 0.2
    playback.wrote(100)
    clock.now += 0.1
    playback.wrote(100)
    assert playback.stall.num_underruns == 1
    assert playback.heard() == (200, True)


def test_what_was_heard_is_estimated_from_the_clock_until_reported(clock):
    playback = Playback(1000, clock)
    assert playback.heard() == (0, True)
    playback.wrote(500)
    clock.now += 0.2
    assert playback.heard() == (200, True)
    clock.now += 10
    assert playback.heard() == (500, True)
    playback.report(300)
    assert playback.heard() == (300, False)


@pytest.mark.parametrize("position", [99, 501, -1])
def test_a_position_that_cannot_be_true_names_the_range_and_the_value(clock, position):
    playback = Playback(1000, clock)
    playback.wrote(500)
    playback.report(100)
    with pytest.raises(InvalidField) as caught:
        playback.report(position)
    assert caught.value.field == "playback_position.samples_played"
    assert f"100 to 500, not {position}" in caught.value.message
    assert playback.heard() == (100, False)


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 1)), max_size=20))
def test_never_more_is_heard_than_was_sent(writes):
    clock = Clock()
    playback = Playback(1000, clock)
    heard_before = 0
    for num_samples, pause_s in writes:
        playback.wrote(num_samples)
        clock.now += pause_s
        heard, _ = playback.heard()
        assert heard_before <= heard <= playback.samples_sent
        heard_before = heard
    assert playback.stall.underrun_ms >= 0
