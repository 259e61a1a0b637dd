"""Residual add and RMSNorm in torch."""

from torch import Tensor

from antiphon_server.model import qwen3


def add_norm(hidden: Tensor, delta: Tensor | None, weight: Tensor, eps: float, normed: Tensor) -> None:
    """Add ``delta`` to ``hidden`` in place, if there is one, and write the norm of the sum; see the kernel."""
    if delta is not None:
        hidden.add_(delta)
    normed.copy_(qwen3.normed(hidden, weight, eps))
