"""Norms of the query and key heads, their rotation, and the new position's place in the cache."""

import triton
import triton.language as tl
from torch import Tensor

from antiphon_server.runtime.kernels import config


def rotate_and_store(
    qkv: Tensor,
    norms: tuple[Tensor, Tensor],
    eps: float,
    table: tuple[Tensor, Tensor],
    positions: Tensor,
    slots: Tensor,
    query: Tensor,
    cache: tuple[Tensor, Tensor],
) -> None:
    """Take the joint projection of one new position a row apart.

    Args:
        qkv: ``[B, (H + 2 G) D]``: query heads, key heads, value heads.
        norms: Weights of the query norm and the key norm, ``[D]`` each; their results are rounded before the rotation.
        eps: Added to the mean square of a head.
        table: Cosine and sine by position, ``[positions, D]`` each, fp32.
        positions: ``[B]``, whole numbers; indices into the table.
        slots: ``[B]``, whole numbers; where in the cache each row goes. Rows of one step never share a slot, except
            padding rows.
        query: ``[B, H, D]``, written.
        cache: Keys and values of the layer, ``[cache slots, G, D]`` each, contiguous; written at ``slots``.
    """
    num_heads, dim = query.shape[1:]
    num_kv_heads = cache[0].shape[1]
    rotate_and_store_kernel[(len(qkv), num_heads + 2 * num_kv_heads)](
        qkv,
        *norms,
        *table,
        positions,
        slots,
        query,
        *cache,
        eps,
        NUM_HEADS=num_heads,
        NUM_KV_HEADS=num_kv_heads,
        HALF=dim // 2,
        num_warps=config.ROTATE_AND_STORE.num_warps,
        enable_fp_fusion=False,
    )


@triton.jit
def rotate_and_store_kernel(
    qkv,
    query_norm,
    key_norm,
    cos,
    sin,
    positions,
    slots,
    query,
    keys,
    values,
    eps,
    NUM_HEADS: tl.constexpr,
    NUM_KV_HEADS: tl.constexpr,
    HALF: tl.constexpr,
):
    """Take one head of one row: a query, a key or a value."""
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    columns = tl.arange(0, HALF)
    source = qkv + (row * (NUM_HEADS + 2 * NUM_KV_HEADS) + head) * (2 * HALF) + columns
    first, second = tl.load(source), tl.load(source + HALF)
    place = tl.load(positions + row).to(tl.int64) * (2 * HALF) + columns
    slot = tl.load(slots + row).to(tl.int64)
    if head < NUM_HEADS:
        first, second = _rotated(first, second, query_norm + columns, cos + place, sin + place, eps, HALF)
        target = query + (row * NUM_HEADS + head) * (2 * HALF) + columns
        tl.store(target, first)
        tl.store(target + HALF, second)
    elif head < NUM_HEADS + NUM_KV_HEADS:
        first, second = _rotated(first, second, key_norm + columns, cos + place, sin + place, eps, HALF)
        target = keys + (slot * NUM_KV_HEADS + head - NUM_HEADS) * (2 * HALF) + columns
        tl.store(target, first)
        tl.store(target + HALF, second)
    else:
        target = values + (slot * NUM_KV_HEADS + head - NUM_HEADS - NUM_KV_HEADS) * (2 * HALF) + columns
        tl.store(target, first)
        tl.store(target + HALF, second)


@triton.jit
def _rotated(first, second, norm, cos, sin, eps, HALF: tl.constexpr):
    """Norm a head, round it, turn its first half against its second, and round once more."""
    wide_first, wide_second = first.to(tl.float32), second.to(tl.float32)
    total = tl.sum(wide_first * wide_first) + tl.sum(wide_second * wide_second)
    scale = tl.rsqrt(total / (2 * HALF) + eps)
    wide_first = _weighted(wide_first * scale, norm, first.dtype)
    wide_second = _weighted(wide_second * scale, norm + HALF, second.dtype)
    turned_first = wide_first * tl.load(cos) - wide_second * tl.load(sin)
    turned_second = wide_second * tl.load(cos + HALF) + wide_first * tl.load(sin + HALF)
    return turned_first.to(first.dtype), turned_second.to(second.dtype)


@triton.jit
def _weighted(normed, weight, dtype: tl.constexpr):
    """Round, multiply with the norm's weight, and round again, as the layers of the model do."""
    return (tl.load(weight).to(tl.float32) * normed.to(dtype).to(tl.float32)).to(dtype).to(tl.float32)
