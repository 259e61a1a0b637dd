"""The delay pattern."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.codec.delay import BOC, EOC, delay, undelay


def some_codes(num_frames, seed):
    return np.random.default_rng(seed).integers(0, 1024, (num_frames, 8))


@given(st.integers(1, 60), st.integers(0, 1000))
def test_undelaying_gives_back_what_was_delayed(num_frames, seed):
    codes = some_codes(num_frames, seed)
    assert np.array_equal(undelay(delay(codes)), codes)


def test_corners_say_where_codebooks_begin_and_end():
    rows = delay(some_codes(3, 0))
    assert rows.shape == (10, 8)
    for codebook in range(8):
        assert (rows[:codebook, codebook] == BOC).all()
        assert (rows[codebook + 3 :, codebook] == EOC).all()


def test_fewer_than_eight_rows_hold_no_frame():
    assert len(undelay(delay(some_codes(1, 0))[:7])) == 0


def test_special_codes_inside_become_code_zero():
    rows = delay(some_codes(4, 1))
    rows[2, 1] = EOC
    rows[3, 1] = BOC
    assert undelay(rows)[1:3, 1].tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(8, 3), (3, 7), (3,), (0, 8)])
def test_codes_that_are_not_frames_of_eight_are_refused(shape):
    with pytest.raises(ValueError, match=r"\[frames, 8\]"):
        delay(np.zeros(shape, dtype=np.int64))
