"""Residual add and RMSNorm in one pass over a row."""

import triton
import triton.language as tl
from torch import Tensor

from antiphon_server.runtime.kernels import config


def add_norm(hidden: Tensor, delta: Tensor | None, weight: Tensor, eps: float, normed: Tensor) -> None:
    """Add ``delta`` to ``hidden`` in place, if there is one, and write the norm of the sum.

    Args:
        hidden: ``[B, E]``; the sum is rounded to its type before the norm reads it.
        delta: ``[B, E]``.
        weight: ``[E]``; multiplies after the normalised values are rounded.
        eps: Added to the mean square.
        normed: ``[B, E]``, written.
    """
    rows, size = hidden.shape
    launch = config.add_norm(size)
    add_norm_kernel[(rows,)](
        hidden,
        hidden if delta is None else delta,
        weight,
        normed,
        eps,
        SIZE=size,
        BLOCK=launch.block,
        HAS_DELTA=delta is not None,
        num_warps=launch.num_warps,
        enable_fp_fusion=False,
    )


@triton.jit
def add_norm_kernel(
    hidden, delta, weight, normed, eps, SIZE: tl.constexpr, BLOCK: tl.constexpr, HAS_DELTA: tl.constexpr
):
    """Take one row."""
    columns = tl.arange(0, BLOCK)
    is_inside = columns < SIZE
    at = tl.program_id(0).to(tl.int64) * SIZE + columns
    wide = tl.load(hidden + at, mask=is_inside, other=0.0).to(tl.float32)
    if HAS_DELTA:
        wide += tl.load(delta + at, mask=is_inside, other=0.0).to(tl.float32)
        rounded = wide.to(hidden.dtype.element_ty)
        tl.store(hidden + at, rounded, mask=is_inside)
        wide = rounded.to(tl.float32)
    scale = tl.rsqrt(tl.sum(wide * wide) / SIZE + eps)
    rounded = (wide * scale).to(normed.dtype.element_ty).to(tl.float32)
    scaled = tl.load(weight + columns, mask=is_inside, other=0.0).to(tl.float32) * rounded
    tl.store(normed + at, scaled.to(normed.dtype.element_ty), mask=is_inside)
