"""Attention of one new position a row over the paged cache: pieces of fixed size, then their sum in order.

A piece never depends on the batch or on how pieces are dealt to programs, so neither does the answer.
"""

import triton
import triton.language as tl
from torch import Tensor

from antiphon_server.runtime.kernels import config


def paged_attention(
    query: Tensor,
    cache: tuple[Tensor, Tensor],
    block_size: int,
    tables: Tensor,
    lengths: Tensor,
    partial: tuple[Tensor, Tensor],
    mixed: Tensor,
) -> None:
    """Answer each query from the blocks of its row.

    Args:
        query: ``[B, H, D]``; H is a multiple of G, and neighbours share a key head.
        cache: Keys and values of the layer, ``[cache slots, G, D]`` each, contiguous.
        block_size: Positions of a block; block ``b`` holds the slots from ``b * block_size`` on.
        tables: Blocks of each row, ``[B, blocks]``, int32; what lies beyond a row's length is not read.
        lengths: Positions of each row with the new one, ``[B]``, int32; a row of length 0 is answered with zeros.
        partial: Room for what the pieces yield, fp32; see ``partial_shapes``.
        mixed: ``[B, H, D]``, written.
    """
    batch, num_heads, dim = query.shape
    num_kv_heads, max_blocks = cache[0].shape[1], tables.shape[1]
    split = config.split_positions(dim, cache[0].element_size())
    max_splits = triton.cdiv(max_blocks * block_size, split)
    programs = config.split_programs(batch, max_splits)
    attend_split_kernel[(batch, num_kv_heads, programs)](
        query,
        *cache,
        tables,
        lengths,
        *partial,
        SCALE=dim**-0.5,
        GROUP=num_heads // num_kv_heads,
        ROWS=config.dot_rows(num_heads // num_kv_heads),
        NUM_KV_HEADS=num_kv_heads,
        DIM=dim,
        BLOCK_SIZE=block_size,
        MAX_BLOCKS=max_blocks,
        MAX_SPLITS=max_splits,
        PROGRAMS=programs,
        SPLIT=split,
        num_warps=config.ATTEND_SPLIT.num_warps,
        enable_fp_fusion=False,
    )
    combine_splits_kernel[(batch, num_heads)](
        *partial,
        lengths,
        mixed,
        NUM_HEADS=num_heads,
        DIM=dim,
        MAX_SPLITS=max_splits,
        SPLIT=split,
        num_warps=config.COMBINE_SPLITS.num_warps,
        enable_fp_fusion=False,
    )


@triton.jit
def attend_split_kernel(
    query,
    keys,
    values,
    tables,
    lengths,
    sums,
    scales,
    SCALE: tl.constexpr,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    NUM_KV_HEADS: tl.constexpr,
    DIM: tl.constexpr,
    BLOCK_SIZE: tl.constexpr,
    MAX_BLOCKS: tl.constexpr,
    MAX_SPLITS: tl.constexpr,
    PROGRAMS: tl.constexpr,
    SPLIT: tl.constexpr,
):
    """Take every ``PROGRAMS``-th piece of one row and key head; all heads that share the key head at once."""
    row, kv_head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    length = tl.load(lengths + row)
    heads, columns, places = tl.arange(0, ROWS), tl.arange(0, DIM), tl.arange(0, SPLIT)
    head = row * NUM_KV_HEADS * GROUP + kv_head * GROUP + heads
    is_head = heads < GROUP
    asked = tl.load(query + head[:, None] * DIM + columns[None, :], mask=is_head[:, None], other=0.0)
    for turn in range((MAX_SPLITS + PROGRAMS - 1) // PROGRAMS):
        split = turn * PROGRAMS + tl.program_id(2)
        if split * SPLIT < length:
            position = split * SPLIT + places
            is_held = position < length
            block = tl.load(tables + row * MAX_BLOCKS + position // BLOCK_SIZE, mask=is_held, other=0)
            slot = block.to(tl.int64) * BLOCK_SIZE + position % BLOCK_SIZE
            at = (slot * NUM_KV_HEADS + kv_head)[:, None] * DIM + columns[None, :]
            key = tl.load(keys + at, mask=is_held[:, None], other=0.0)
            value = tl.load(values + at, mask=is_held[:, None], other=0.0)
            scores = tl.dot(asked, tl.trans(key), input_precision="ieee") * SCALE
            scores = tl.where(is_held[None, :], scores, float("-inf"))
            largest = tl.max(scores, 1)
            weights = tl.exp(scores - largest[:, None])
            total = tl.dot(weights.to(value.dtype), value, input_precision="ieee")
            place = head * MAX_SPLITS + split
            tl.store(sums + place[:, None] * DIM + columns[None, :], total, mask=is_head[:, None])
            tl.store(scales + place * 2, largest, mask=is_head)
            tl.store(scales + place * 2 + 1, tl.sum(weights, 1), mask=is_head)


@triton.jit
def combine_splits_kernel(
    sums,
    scales,
    lengths,
    mixed,
    NUM_HEADS: tl.constexpr,
    DIM: tl.constexpr,
    MAX_SPLITS: tl.constexpr,
    SPLIT: tl.constexpr,
):
    """Add the pieces of one row and head, the first first."""
    row = tl.program_id(0).to(tl.int64)
    head = row * NUM_HEADS + tl.program_id(1)
    columns = tl.arange(0, DIM)
    length = tl.load(lengths + row)
    largest = tl.full((), float("-inf"), tl.float32)
    weight = tl.zeros((), tl.float32)
    total = tl.zeros((DIM,), tl.float32)
    for split in range(MAX_SPLITS):
        if split * SPLIT < length:
            place = head * MAX_SPLITS + split
            own = tl.load(scales + place * 2)
            raised = tl.maximum(largest, own)
            kept, gained = tl.exp(largest - raised), tl.exp(own - raised)
            weight = weight * kept + tl.load(scales + place * 2 + 1) * gained
            total = total * kept + tl.load(sums + place * DIM + columns) * gained
            largest = raised
    total = total / tl.where(length > 0, weight, 1.0)
    tl.store(mixed + head * DIM + columns, total.to(mixed.dtype.element_ty))
