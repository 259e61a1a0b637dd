"""The next text id of each row: the likeliest, the first of several that are equally likely, and how likely it is.

A vocabulary is cut into pieces of fixed size, whose results are put together in a fixed order; so a row's bits never
depend on how many rows there are.
"""

import triton
import triton.language as tl
from torch import Tensor

from antiphon_server.runtime.kernels import config
from antiphon_server.runtime.kernels.likeliest_twin import NO_ID


def likeliest(logits: Tensor, slots: Tensor, pieces: Tensor, last_ids: Tensor, rows: Tensor) -> None:
    """Choose an id for each row.

    Args:
        logits: ``[B, V]``, contiguous, in any type.
        slots: State slot of each row, ``[B]``, whole numbers.
        pieces: Room for what the pieces yield, fp32; see ``piece_shape``.
        last_ids: Of all state slots, int64; changed at ``slots``. It is 0 where the row is broken.
        rows: ``[B, 2]``, int64, written: the id and its log probability in thousandths; both are NO_ID where a score of
            the row is no finite number.
    """
    batch, num_ids = logits.shape
    launch, num_pieces = config.LIKELIEST, pieces.shape[1]
    best_of_piece_kernel[(batch, num_pieces)](
        logits,
        pieces,
        NUM_IDS=num_ids,
        BLOCK=launch.block,
        num_warps=launch.num_warps,
        enable_fp_fusion=False,
    )
    best_of_all_kernel[(batch,)](
        pieces,
        slots,
        last_ids,
        rows,
        NO_ID=NO_ID,
        NUM_IDS=num_ids,
        NUM_PIECES=num_pieces,
        BLOCK=config.power_of_two(num_pieces),
        num_warps=config.BEST_OF_ALL.num_warps,
        enable_fp_fusion=False,
    )


@triton.jit
def best_of_piece_kernel(logits, pieces, NUM_IDS: tl.constexpr, BLOCK: tl.constexpr):
    """Of one piece of one row: its best score, its weight beside that, the best id, and whether a score is none."""
    row, piece = tl.program_id(0).to(tl.int64), tl.program_id(1)
    ids = piece * BLOCK + tl.arange(0, BLOCK)
    is_id = ids < NUM_IDS
    scores = tl.load(logits + row * NUM_IDS + ids, mask=is_id, other=0.0).to(tl.float32)
    num_finite = tl.sum((tl.abs(scores) < float("inf")).to(tl.int32), 0)
    scores = tl.where(is_id, scores, float("-inf"))
    best = tl.max(scores, 0)
    place = pieces + (row * tl.num_programs(1) + piece) * 4
    tl.store(place, best)
    tl.store(place + 1, tl.sum(tl.exp(scores - best), 0))
    tl.store(place + 2, (piece * BLOCK + tl.argmax(scores, 0, tie_break_left=True)).to(tl.float32))
    tl.store(place + 3, (num_finite < BLOCK).to(tl.float32))


@triton.jit
def best_of_all_kernel(
    pieces,
    slots,
    last_ids,
    rows,
    NO_ID: tl.constexpr,
    NUM_IDS: tl.constexpr,
    NUM_PIECES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Put the pieces of one row together."""
    row, numbers = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    is_piece = numbers < NUM_PIECES
    places = pieces + (row * NUM_PIECES + numbers) * 4
    bests = tl.load(places, mask=is_piece, other=float("-inf"))
    weights = tl.load(places + 1, mask=is_piece, other=0.0)
    ids = tl.load(places + 2, mask=is_piece, other=0.0)
    is_whole = tl.sum(tl.load(places + 3, mask=is_piece, other=0.0), 0) == 0.0
    best = tl.max(bests, 0)
    found = tl.sum(tl.where(numbers == tl.argmax(bests, 0, tie_break_left=True), ids, 0.0), 0).to(tl.int64)
    log_prob = -tl.log(tl.sum(weights * tl.exp(bests - best), 0))
    thousandths = tl.floor(tl.where(is_whole, log_prob, 0.0) * 1000.0 + 0.5).to(tl.int64)
    # An id beyond the last would read beyond the embedding's table.
    found = tl.where(is_whole, tl.minimum(found, NUM_IDS - 1), 0)
    tl.store(last_ids + tl.load(slots + row).to(tl.int64), found)
    tl.store(rows + row * 2, tl.where(is_whole, found, NO_ID))
    tl.store(rows + row * 2 + 1, tl.where(is_whole, thousandths, NO_ID))
