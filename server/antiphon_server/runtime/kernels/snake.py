"""The codec's activation in one pass over memory."""

import triton
import triton.language as tl
from torch import Tensor

from antiphon_server.runtime.kernels import config


def snake(x: Tensor, alpha: Tensor, result: Tensor) -> None:
    """Add a squared sine: ``x + sin(alpha x)^2 / (alpha + 1e-9)``.

    Args:
        x: ``[B, C, 1, T]`` fp32, channels innermost in memory.
        alpha: ``[C]`` fp32, radians per unit.
        result: Like ``x``, written.
    """
    launch = config.SNAKE
    snake_kernel[(triton.cdiv(x.numel(), launch.block),)](
        x,
        alpha,
        result,
        x.numel(),
        CHANNELS=x.shape[1],
        BLOCK=launch.block,
        num_warps=launch.num_warps,
        enable_fp_fusion=False,
    )


@triton.jit
def snake_kernel(x, alpha, result, size, CHANNELS: tl.constexpr, BLOCK: tl.constexpr):
    """Write one stretch of the result, whatever channels it is of."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    is_inside = at < size
    value = tl.load(x + at, mask=is_inside, other=0.0)
    rate = tl.load(alpha + at % CHANNELS, mask=is_inside, other=1.0)
    wave = tl.sin(rate * value)
    tl.store(result + at, value + wave * wave / (rate + 1e-9), mask=is_inside)
