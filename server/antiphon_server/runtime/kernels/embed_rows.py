"""The input of a decode step: the embeddings of each sequence's last eight codes, summed."""

import triton
import triton.language as tl
from torch import Tensor

from antiphon_server.runtime.kernels import config


def embed_rows(last_rows: Tensor, slots: Tensor, table: Tensor, hidden: Tensor) -> None:
    """Look up and sum in fp32, with one rounding.

    Args:
        last_rows: Codes by state slot, ``[state slots, 8]``, whole numbers.
        slots: State slot of each row, ``[B]``, whole numbers.
        table: ``[8 codes, E]``: the embeddings of all codebooks, one codebook after the other.
        hidden: ``[B, E]``, written.
    """
    num_codebooks, size = last_rows.shape[1], table.shape[1]
    launch = config.EMBED_ROWS
    embed_rows_kernel[(len(slots), triton.cdiv(size, launch.block))](
        last_rows,
        slots,
        table,
        hidden,
        NUM_CODEBOOKS=num_codebooks,
        NUM_CODES=len(table) // num_codebooks,
        SIZE=size,
        BLOCK=launch.block,
        num_warps=launch.num_warps,
        enable_fp_fusion=False,
    )


@triton.jit
def embed_rows_kernel(
    last_rows,
    slots,
    table,
    hidden,
    NUM_CODEBOOKS: tl.constexpr,
    NUM_CODES: tl.constexpr,
    SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Take a piece of one row."""
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    is_inside = columns < SIZE
    codes = last_rows + tl.load(slots + row).to(tl.int64) * NUM_CODEBOOKS
    total = tl.zeros((BLOCK,), tl.float32)
    for codebook in tl.static_range(NUM_CODEBOOKS):
        code = tl.load(codes + codebook).to(tl.int64) + codebook * NUM_CODES
        total += tl.load(table + code * SIZE + columns, mask=is_inside, other=0.0).to(tl.float32)
    tl.store(hidden + row * SIZE + columns, total.to(hidden.dtype.element_ty), mask=is_inside)
