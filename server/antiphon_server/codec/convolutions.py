"""The DAC half of the codec: snakes, residual units, and the strided stacks between samples and frames. All in fp32."""

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.codec.sizes import DILATIONS, STRIDES

Weights = Mapping[str, Tensor]


def snake(x: Tensor, alpha: Tensor) -> Tensor:
    """Add a squared sine of ``alpha`` ``[1, C, 1]`` radians per unit to ``x`` ``[B, C, T]``.

    Source: "Neural networks fail to learn periodic functions", arXiv:2006.08195; 1e-9 as in DAC.
    """
    wave = (alpha * x).sin_().square_()  # in place: a long clip's layers take hundreds of megabytes each
    return wave.mul_((alpha + 1e-9).reciprocal()).add_(x)


def acoustic_encode(weights: Weights, samples: Tensor) -> Tensor:
    """Encode ``samples`` ``[B, 1, S]`` to ``[B, acoustic width, frames]``."""
    x = _conv(weights, "acoustic_encoder.conv1", samples, padding=3)
    for index, stride in enumerate(STRIDES):
        block = f"acoustic_encoder.block.{index}"
        x = snake(_residual_units(weights, block, x), weights[f"{block}.snake1.alpha"])
        x = _conv(weights, f"{block}.conv1", x, stride=stride, padding=-(-stride // 2))
    return _conv(weights, "acoustic_encoder.conv2", snake(x, weights["acoustic_encoder.snake1.alpha"]), padding=1)


def num_acoustic_frames(num_samples: int) -> int:
    """Count what ``acoustic_encode`` makes of a number of samples."""
    for stride in STRIDES:
        num_samples = (num_samples + 2 * -(-stride // 2) - 2 * stride) // stride + 1
    return num_samples


def acoustic_decode(weights: Weights, x: Tensor) -> Tensor:
    """Decode ``[B, acoustic width, F]`` to samples ``[B, F * 960]``; nothing is clipped."""
    x = _conv(weights, "acoustic_decoder.conv1", x, padding=3)
    for index, stride in enumerate(STRIDES):
        block = f"acoustic_decoder.block.{index}"
        x = F.conv_transpose1d(
            snake(x, weights[f"{block}.snake1.alpha"]),
            weights[f"{block}.conv_t1.weight"],
            weights[f"{block}.conv_t1.bias"],
            stride=stride,
            padding=-(-stride // 2),
            output_padding=stride % 2,
        )
        x = _residual_units(weights, block, x)
    x = snake(x, weights["acoustic_decoder.snake1.alpha"])
    return _conv(weights, "acoustic_decoder.conv2", x, padding=3)[:, 0]


def _residual_units(weights: Weights, block: str, x: Tensor) -> Tensor:
    for unit, dilation in enumerate(DILATIONS, start=1):
        name = f"{block}.res_unit{unit}"
        inner = snake(x, weights[f"{name}.snake1.alpha"])
        inner = _conv(weights, f"{name}.conv1", inner, dilation=dilation, padding=3 * dilation)
        x = x + _conv(weights, f"{name}.conv2", snake(inner, weights[f"{name}.snake2.alpha"]))
    return x


def _conv(weights: Weights, name: str, x: Tensor, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> Tensor:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return F.conv1d(x, weight, bias, stride=stride, padding=padding, dilation=dilation)
