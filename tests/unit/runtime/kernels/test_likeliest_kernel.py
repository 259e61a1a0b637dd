"""The kernel that chooses text ids, interpreted, against its twin and against what the plain runner does."""

import math

import pytest
import torch

from antiphon_server.runtime.kernels.config import LIKELIEST
from antiphon_server.runtime.kernels.likeliest_twin import NO_ID, likeliest, piece_shape

NUM_SLOTS = 7
PIECE = LIKELIEST.block


def by_kernel(interpreted):
    return lambda *args: interpreted.call("likeliest", *args)


@pytest.fixture(params=["kernel", "twin"])
def choose(request, interpreted):
    """Give rows and last ids of logits, by either."""
    function = by_kernel(interpreted) if request.param == "kernel" else likeliest

    def chosen(logits, slots):
        pieces = torch.full(piece_shape(*logits.shape), torch.nan)
        rows, last_ids = torch.full((len(logits), 2), 99), torch.full((NUM_SLOTS,), -5)
        function(logits, torch.tensor(slots), pieces, last_ids, rows)
        return rows, last_ids

    return chosen


@pytest.mark.parametrize("num_ids", [5, PIECE, 3 * PIECE + 17])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_ids_and_log_probabilities_are_those_of_the_whole_row(choose, num_ids, dtype):
    torch.manual_seed(num_ids)
    logits = (3 * torch.randn(3, num_ids)).to(dtype)
    rows, last_ids = choose(logits, [4, 0, 6])
    best, ids = logits.float().max(-1)
    assert rows[:, 0].tolist() == ids.tolist() == last_ids[[4, 0, 6]].tolist()
    wanted = (best.double() - logits.double().logsumexp(-1)) * 1000
    assert rows[:, 1].tolist() == pytest.approx(wanted.tolist(), abs=0.51)
    assert last_ids[[1, 2, 3, 5]].tolist() == [-5] * 4


def test_of_equal_scores_the_first_is_taken_within_a_piece_and_across(choose):
    logits = torch.zeros(3, 2 * PIECE + 100)
    logits[0, [7, 9, PIECE + 2]] = 4.0
    logits[1, [PIECE - 1, PIECE, 2 * PIECE + 99]] = 4.0
    logits[2] = -math.inf  # no number to choose from
    rows, _ = choose(logits, [0, 1, 2])
    assert rows[:, 0].tolist() == [7, PIECE - 1, NO_ID]


def test_the_last_id_can_be_chosen_and_is_certain(choose):
    logits = torch.full((1, PIECE + 3), -60.0)
    logits[0, -1] = 60.0
    rows, last_ids = choose(logits, [3])
    assert rows.tolist() == [[PIECE + 2, 0]]
    assert last_ids[3] == PIECE + 2


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, PIECE + 5])
def test_a_score_that_is_no_finite_number_breaks_its_row_only(choose, broken, place):
    torch.manual_seed(3)
    logits = torch.randn(2, PIECE + 50)
    whole, _ = choose(logits, [1, 2])
    logits[0, place] = broken
    rows, last_ids = choose(logits, [1, 2])
    assert rows.tolist() == [[NO_ID, NO_ID], whole[1].tolist()]
    assert last_ids[[1, 2]].tolist() == [0, whole[1, 0]]
