"""Where windows lie: a function of the frame index alone."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.engine.codec_plan import (
    CONTEXT_FRAMES,
    RAMP,
    WINDOW_FRAMES,
    next_window,
    ramp_from,
    windows,
)


@given(st.integers(0, 600))
def test_windows_cover_every_frame_once_with_enough_context(num_frames):
    at = 0
    for window in windows(num_frames):
        assert window.begin == at
        assert window.end > window.begin
        assert window.first <= max(0, window.begin - CONTEXT_FRAMES)
        assert window.last >= min(num_frames, window.end + CONTEXT_FRAMES)
        assert window.num_frames == min(WINDOW_FRAMES, window.last)
        at = window.end
    assert at == num_frames


@given(st.integers(1, 300), st.lists(st.integers(0, 30), max_size=40))
def test_streamed_windows_are_the_whole_speechs_windows_whenever_they_are_asked_for(num_frames, arrivals):
    streamed, begin, known = [], 0, 0
    for more in itertools.chain(arrivals, itertools.repeat(num_frames)):
        if begin == num_frames:
            break
        known = min(num_frames, known + more)
        window = next_window(begin, known, is_ended=known == num_frames)
        if window is not None:
            streamed.append(window)
            begin = window.end
    assert streamed == list(windows(num_frames))


def test_the_first_window_waits_for_its_right_context_only():
    assert next_window(0, 11, is_ended=False) is None
    assert next_window(0, 12, is_ended=False) is not None


def test_a_chosen_first_chunk_replaces_the_beginning_of_the_ramp():
    assert ramp_from(None) == RAMP
    assert ramp_from(0) == (25,)
    assert ramp_from(1) == (1, 2, 4, 8, 16, 25)
    assert ramp_from(99) == (25,)
