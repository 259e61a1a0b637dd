"""A step's end: draw a code for each codebook, and let the delay machine of each sequence take the row.

The rules are those of ``runtime.sampler``. Nothing is sorted: what top-k and top-p leave out lies below a threshold,
which is found bit by bit in the probabilities, and codes of equal probability are told apart by their index.
"""

import triton
import triton.language as tl
from torch import Tensor

from antiphon_server.codec.delay import BOC, EOC
from antiphon_server.runtime.kernels import config
from antiphon_server.runtime.sampler import NO_CODE, STOP, TAIL_STEPS, SamplerState


def sample(state: SamplerState, slots: Tensor, logits: Tensor, drawn: Tensor, rows: Tensor) -> None:
    """Draw a row for each slot and move its delay machine on.

    Args:
        state: Of all slots; changed at ``slots``.
        slots: State slot of each row, ``[B]``, whole numbers. Rows of one step never share a slot, except padding rows,
            whose slots are done.
        logits: ``[B, 8, 1026]``, in any type.
        drawn: Room for what is drawn before the delay machine, ``[B, 8]``, int64.
        rows: ``[B, 8]``, int64, written; STOP where the sequence was done before, NO_CODE where a score of the row is
            no finite number.
    """
    batch, num_codebooks, num_codes = logits.shape
    draw_kernel[(batch, num_codebooks)](
        logits,
        slots,
        state.is_done,
        state.num_steps,
        state.seed,
        state.temperature,
        state.top_k,
        state.top_p,
        drawn,
        NO_CODE=NO_CODE,
        NUM_CODES=num_codes,
        BLOCK=config.power_of_two(num_codes),
        num_warps=config.DRAW.num_warps,
        enable_fp_fusion=False,
    )
    advance_kernel[(batch,)](
        drawn,
        slots,
        state.num_steps,
        state.num_delayed,
        state.countdown,
        state.is_done,
        state.last_rows,
        rows,
        NUM_CODEBOOKS=num_codebooks,
        BOC=BOC,
        EOC=EOC,
        STOP=STOP,
        NO_CODE=NO_CODE,
        TAIL_STEPS=TAIL_STEPS,
        num_warps=config.ADVANCE.num_warps,
    )


@triton.jit
def draw_kernel(
    logits,
    slots,
    is_done,
    num_steps,
    seed,
    temperature,
    top_k,
    top_p,
    drawn,
    NO_CODE: tl.constexpr,
    NUM_CODES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Draw one code for one row and codebook; nothing for a row that is done, since nobody looks at it."""
    row, codebook, num_codebooks = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.num_programs(1)
    slot = tl.load(slots + row).to(tl.int64)
    codes = tl.arange(0, BLOCK)
    is_code = codes < NUM_CODES
    place = row * num_codebooks + codebook
    if tl.load(is_done + slot) == 0:
        scores = tl.load(logits + place * NUM_CODES + codes, mask=is_code, other=0.0).to(tl.float32)
        num_finite = tl.sum((tl.abs(scores) < float("inf")).to(tl.int32), 0)
        scores = tl.where(is_code, scores, float("-inf"))
        heat, num_kept = tl.load(temperature + slot), tl.load(top_k + slot)
        if num_finite < BLOCK:
            code = tl.full((), NO_CODE, tl.int32)
        elif (heat <= 1e-5) | (num_kept == 1):
            code = tl.argmax(scores, 0, tie_break_left=True)
        else:
            weights = kept_weights(scores, tl.maximum(heat, 1e-5), num_kept, tl.load(top_p + slot), codes, NUM_CODES)
            position = tl.load(num_steps + slot) * num_codebooks + codebook
            noise = gumbel(tl.load(seed + slot), position, codes)
            log_probs = tl.log(tl.where(weights > 0, weights, 1.0).to(tl.float64)).to(tl.float32).to(tl.float64)
            code = tl.argmax(tl.where(weights > 0, log_probs + noise, float("-inf")), 0, tie_break_left=True)
        # Should a weight overflow after all: a code beyond the last would read beyond the embedding's table.
        tl.store(drawn + place, tl.minimum(code, NUM_CODES - 1).to(tl.int64))


@triton.jit
def kept_weights(scores, temperature, top_k, top_p, codes, NUM_CODES: tl.constexpr):
    """Probabilities after temperature, top-k and top-p; 0 for what is left out."""
    scaled = tl.div_rn(scores, tl.zeros_like(scores) + temperature)
    weights = tl.exp(scaled - tl.max(scaled, 0))
    weights = weights / tl.sum(weights, 0)
    # Numbers from 0 to 1 are ordered as their bits are; places beyond the last code come after everything.
    keys = tl.where(codes < NUM_CODES, weights.to(tl.int32, bitcast=True), -1)
    threshold = tl.zeros((), tl.int32)
    for bit in range(30):
        raised = threshold | (1 << (29 - bit))
        is_enough = tl.sum((keys >= raised).to(tl.int32), 0) >= top_k
        threshold = tl.where(is_enough, raised, threshold)
    is_above, is_tie = keys > threshold, (keys == threshold).to(tl.int32)
    rank = tl.sum(is_above.to(tl.int32), 0) + tl.cumsum(is_tie, 0) - is_tie
    keys = tl.where(is_above | ((is_tie > 0) & (rank < top_k)), keys, -1)
    weights = tl.where(keys >= 0, weights, 0.0)
    weights = weights / tl.sum(weights, 0)
    if top_p < 1.0:
        weights = _top_p(weights, keys, top_p, codes)
    return weights


@triton.jit
def _top_p(weights, keys, top_p, codes):
    """Keep a code while what is likelier, or as likely and in front, has not reached ``top_p``; the first always."""
    threshold = tl.zeros((), tl.int32)
    for bit in range(30):
        raised = threshold | (1 << (29 - bit))
        is_enough = tl.sum(tl.where(keys >= raised, weights, 0.0), 0) >= top_p
        threshold = tl.where(is_enough, raised, threshold)
    is_above, is_tie = keys > threshold, (keys == threshold).to(tl.int32)
    in_front = (tl.cumsum(is_tie, 0) - is_tie).to(tl.float32) * weights
    before = tl.sum(tl.where(is_above, weights, 0.0), 0) + in_front
    is_first = codes == tl.argmax(keys, 0, tie_break_left=True)
    weights = tl.where(is_above | ((is_tie > 0) & (before < top_p)) | is_first, weights, 0.0)
    return weights / tl.sum(weights, 0)


@triton.jit
def gumbel(seed, position, codes):
    """Noise in fp64 that depends on the three and nothing else; the twin's ``gumbel``."""
    limit = tl.full((), 4294967295, tl.int64).to(tl.float64)
    uniform = hash_words(seed, position, codes).to(tl.float64) / limit
    lowest, highest = tl.full((), -1.7976931348623157e308, tl.float64), tl.full((), -(2.0**-32), tl.float64)
    log_uniform = tl.where(uniform > 0, tl.log(tl.where(uniform > 0, uniform, 1.0)), lowest)
    return -tl.log(-tl.minimum(log_uniform, highest))


@triton.jit
def hash_words(seed, position, codes):
    """MurmurHash3-32 of seed low, seed high, position and code."""
    state = _mixed(tl.zeros_like(codes).to(tl.uint32), seed.to(tl.uint32))
    state = _mixed(state, (seed >> 32).to(tl.uint32))
    state = _mixed(state, position.to(tl.uint32))
    state = _mixed(state, codes.to(tl.uint32)) ^ 16
    state = (state ^ (state >> 16)) * 0x85EBCA6B
    state = (state ^ (state >> 13)) * 0xC2B2AE35
    return state ^ (state >> 16)


@triton.jit
def _mixed(state, word):
    word = word * 0xCC9E2D51
    state = state ^ (((word << 15) | (word >> 17)) * 0x1B873593)
    return ((state << 13) | (state >> 19)) * 5 + 0xE6546B64


@triton.jit
def advance_kernel(
    drawn,
    slots,
    num_steps,
    num_delayed,
    countdown,
    is_done,
    last_rows,
    rows,
    NUM_CODEBOOKS: tl.constexpr,
    BOC: tl.constexpr,
    EOC: tl.constexpr,
    STOP: tl.constexpr,
    NO_CODE: tl.constexpr,
    TAIL_STEPS: tl.constexpr,
):
    """Let one slot's delay machine take what was drawn for it."""
    row = tl.program_id(0).to(tl.int64)
    slot = tl.load(slots + row).to(tl.int64)
    codebooks = tl.arange(0, NUM_CODEBOOKS)
    is_live = tl.load(is_done + slot) == 0
    delayed, left = tl.load(num_delayed + slot), tl.load(countdown + slot)
    is_opening, is_tail = delayed < NUM_CODEBOOKS, (delayed >= NUM_CODEBOOKS) & (left >= 0)
    codes = tl.load(drawn + row * NUM_CODEBOOKS + codebooks)
    is_broken = is_live & (tl.min(codes, 0) == NO_CODE)
    is_end = (delayed >= NUM_CODEBOOKS) & (left < 0) & (tl.load(drawn + row * NUM_CODEBOOKS) == EOC)
    codes = tl.where(is_opening & (codebooks > delayed), BOC, codes)
    left = tl.where(is_tail, left - 1, tl.where(is_end, TAIL_STEPS, left))
    ends_now = is_tail & (left <= 0)
    written = tl.where(is_broken, NO_CODE, tl.where(is_live, codes, STOP))
    tl.store(rows + row * NUM_CODEBOOKS + codebooks, written)
    if is_broken:
        tl.store(is_done + slot, is_broken)
    elif is_live:
        tl.store(num_steps + slot, tl.load(num_steps + slot) + 1)
        tl.store(num_delayed + slot, delayed + is_opening.to(tl.int64))
        tl.store(countdown + slot, left)
        tl.store(is_done + slot, ends_now)
        if ends_now == 0:
            tl.store(last_rows + slot * NUM_CODEBOOKS + codebooks, codes)
