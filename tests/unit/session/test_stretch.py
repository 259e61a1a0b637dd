import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.session.stretch import TAIL_MS, Stretch, quietest_ms
from antiphon_server.session.voicegate import WINDOW_MS

MS = 32  # bytes


def numbered(num_samples: int) -> bytearray:
    return bytearray(b"".join((index % 65536).to_bytes(2, "little") for index in range(num_samples)))


@given(st.integers(0, 4000), st.floats(-100, 600), st.integers(0, 3))
def test_split_keeps_every_sample_in_one_of_the_two(num_samples, at_ms, start_s):
    pcm = numbered(num_samples)
    stretch = Stretch(start_s * 1000.0, bytearray(pcm))
    end_ms = stretch.end_ms
    head = stretch.split(start_s * 1000 + at_ms)
    assert head.pcm + stretch.pcm == pcm
    assert len(head.pcm) % 2 == 0
    assert head.end_ms == pytest.approx(stretch.start_ms)
    assert stretch.end_ms == pytest.approx(end_ms)


@given(st.lists(st.integers(1, 64), min_size=1, max_size=20), st.integers(0, 50))
def test_dropping_silence_keeps_the_newest_samples_and_the_clock(sizes_ms, keep_ms):
    stretch, everything = Stretch(), bytearray()
    for number, size_ms in enumerate(sizes_ms, start=1):
        piece = number.to_bytes(2, "little") * (16 * size_ms)
        everything += piece
        stretch.pcm += piece
        stretch.drop_silence(keep_ms)
    kept_ms = min(keep_ms, sum(sizes_ms))
    assert bytes(stretch.pcm) == bytes(everything[len(everything) - kept_ms * MS :])
    assert stretch.end_ms == pytest.approx(sum(sizes_ms))


def test_nothing_is_dropped_while_there_is_voice():
    stretch = Stretch(0.0, bytearray(1000 * MS))
    stretch.hear(100.0, 200.0)
    stretch.drop_silence(10)
    assert stretch.length_ms == 1000


def test_the_voiced_part_has_padding_in_front_and_a_tail_behind():
    stretch = Stretch(1000.0, bytearray(numbered(16 * 2000)))
    stretch.hear(1500.0, 1800.0)
    start_ms, pcm = stretch.voiced(300)
    assert start_ms == 1200.0
    assert pcm == bytes(stretch.pcm[200 * MS : (800 + TAIL_MS) * MS])


def test_padding_and_tail_stop_at_the_ends_of_the_samples():
    stretch = Stretch(1000.0, bytearray(500 * MS))
    stretch.hear(1100.0, 1450.0)
    assert stretch.voiced(300) == (1000.0, bytes(500 * MS))


def test_without_voice_there_is_no_voiced_part():
    assert Stretch(5.0, bytearray(100 * MS)).voiced(300) == (5.0, b"")


def test_a_cut_behind_the_voice_leaves_none_for_the_rest():
    stretch = Stretch(0.0, bytearray(1000 * MS))
    stretch.hear(100.0, 400.0)
    head = stretch.split(600.0)
    assert (head.voice_start_ms, head.voice_end_ms) == (100.0, 400.0)
    assert stretch.voice_start_ms is None


def test_a_cut_inside_the_voice_leaves_both_sides_voiced():
    stretch = Stretch(0.0, bytearray(1000 * MS))
    stretch.hear(100.0, 900.0)
    head = stretch.split(600.0)
    assert (head.voice_start_ms, head.voice_end_ms) == (100.0, 600.0)
    assert (stretch.voice_start_ms, stretch.voice_end_ms) == (600.0, 900.0)


def test_a_cut_before_the_voice_gives_all_of_it_to_the_rest():
    stretch = Stretch(0.0, bytearray(1000 * MS))
    stretch.hear(700.0, 900.0)
    head = stretch.split(600.0)
    assert head.voice_start_ms is None
    assert head.voiced(300)[1] == b""
    assert (stretch.voice_start_ms, stretch.voice_end_ms) == (700.0, 900.0)


def test_voice_before_the_samples_counts_from_their_start():
    stretch = Stretch(500.0, bytearray(1000 * MS))
    stretch.hear(400.0, 700.0)
    assert stretch.voice_start_ms == 500.0


def test_the_quietest_moment_is_in_a_pause_and_not_in_a_short_dip():
    scores = [0.9] * 20 + [0.1] * 9 + [0.9] * 10 + [0.0] + [0.9] * 10
    end_ms = len(scores) * WINDOW_MS
    assert quietest_ms(scores, end_ms, from_ms=0.0, to_ms=end_ms) == pytest.approx(24.5 * WINDOW_MS)


def test_of_two_pauses_the_later_one_fills_the_piece_better():
    scores = ([0.9] * 20 + [0.02] * 9) * 2 + [0.9] * 20
    end_ms = len(scores) * WINDOW_MS
    assert quietest_ms(scores, end_ms, from_ms=0.0, to_ms=end_ms) == pytest.approx(53.5 * WINDOW_MS)
    assert quietest_ms(scores, end_ms, from_ms=0.0, to_ms=40 * WINDOW_MS) == pytest.approx(24.5 * WINDOW_MS)


@given(st.lists(st.floats(0, 1), max_size=60), st.integers(0, 40), st.integers(0, 40))
def test_the_quietest_moment_lies_between_its_bounds(scores, from_windows, num_windows):
    end_ms, from_ms = 10_000.0, 10_000.0 - 60 * WINDOW_MS + from_windows * WINDOW_MS
    to_ms = from_ms + num_windows * WINDOW_MS
    assert from_ms - 1e-6 <= quietest_ms(scores, end_ms, from_ms=from_ms, to_ms=to_ms) <= to_ms + 1e-6
