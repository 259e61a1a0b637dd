"""The gate in torch."""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name


def gate(gate_up: Tensor, gated: Tensor) -> None:
    """Multiply the second half of each row by the SiLU of the first; see the kernel."""
    opening, passing = gate_up.chunk(2, -1)
    torch.mul(F.silu(opening), passing, out=gated)
