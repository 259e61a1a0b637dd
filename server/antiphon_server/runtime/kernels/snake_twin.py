"""The codec's activation in torch."""

from torch import Tensor


def snake(x: Tensor, alpha: Tensor, result: Tensor) -> None:
    """Add a squared sine; see the kernel."""
    rate = alpha[None, :, None, None]
    result.copy_(x + (rate * x).sin().square() / (rate + 1e-9))
