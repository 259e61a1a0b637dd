"""Residual add and RMSNorm in torch."""

import torch
from torch import Tensor


def add_norm(hidden: Tensor, delta: Tensor | None, weight: Tensor, eps: float, normed: Tensor) -> None:
    """Add ``delta`` to ``hidden`` in place, if there is one, and write the norm of the sum; see the kernel."""
    if delta is not None:
        hidden.add_(delta)
    wide = hidden.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    torch.mul(weight, wide.to(hidden.dtype), out=normed)
