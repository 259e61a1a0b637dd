"""The gate of a layer's inner part: SiLU of the first half of a row, times the second half."""

import triton
import triton.language as tl
from torch import Tensor

from antiphon_server.runtime.kernels import config


def gate(gate_up: Tensor, gated: Tensor) -> None:
    """Multiply in fp32 what is rounded after the SiLU.

    Args:
        gate_up: ``[B, 2 I]``, contiguous.
        gated: ``[B, I]``, written.
    """
    rows, size = gated.shape
    launch = config.GATE
    gate_kernel[(rows, triton.cdiv(size, launch.block))](
        gate_up, gated, SIZE=size, BLOCK=launch.block, num_warps=launch.num_warps, enable_fp_fusion=False
    )


@triton.jit
def gate_kernel(gate_up, gated, SIZE: tl.constexpr, BLOCK: tl.constexpr):
    """Gate one part of a row."""
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    is_inside = columns < SIZE
    source = gate_up + row * 2 * SIZE + columns
    opening = tl.load(source, mask=is_inside, other=0.0).to(tl.float32)
    opening = (opening / (1.0 + tl.exp(-opening))).to(gated.dtype.element_ty).to(tl.float32)
    passed = opening * tl.load(source + SIZE, mask=is_inside, other=0.0).to(tl.float32)
    tl.store(gated + row * SIZE + columns, passed.to(gated.dtype.element_ty), mask=is_inside)
