"""A kernel that only reads: what a decode step could at best do with its weights."""

from collections.abc import Callable

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 8192
_PROGRAMS_PER_PROCESSOR = 8


def reader(source: Tensor) -> Callable[[], object]:
    """Prepare a read of all of ``source``, fp32; its length is a multiple of 8192 and at most 2^30."""
    processors = torch.cuda.get_device_properties(source.device).multi_processor_count
    num_programs = processors * _PROGRAMS_PER_PROCESSOR
    totals = torch.empty(num_programs, device=source.device)
    num_blocks = source.numel() // _BLOCK

    def read() -> None:
        read_kernel[(num_programs,)](source, totals, num_blocks, num_programs, BLOCK=_BLOCK, num_warps=8)

    return read


@triton.jit
def read_kernel(source, totals, num_blocks, num_programs, BLOCK: tl.constexpr):  # noqa: N803 - as Triton has it
    columns = tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), tl.float32)
    for block in range(tl.program_id(0), num_blocks, num_programs):
        total += tl.load(source + block * BLOCK + columns)
    tl.store(totals + tl.program_id(0), tl.sum(total))
