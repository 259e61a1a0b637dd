"""The decoder of the codec with channels innermost: on CUDA its convolutions then need no transposed copies between.

The same numbers as ``HiggsCodec.decode`` but for the order of sums. Samples are ``[B, 1, T]`` as images of height one.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.codec.sizes import DILATIONS, NUM_QUANTIZERS, STRIDES

Snake = Callable[[Tensor, Tensor, Tensor], None]
"""``(x [B, C, 1, T], alpha [C], result like x)``, channels innermost: writes x + sin(alpha x)^2 / (alpha + 1e-9)."""


class ChannelsLastDecoder:
    """Codes to samples."""

    def __init__(self, weights: Mapping[str, Tensor], *, device: torch.device | str, snake: Snake) -> None:
        """Rearrange the decoder's fp32 weights on ``device``; names are the checkpoint's without their prefix."""
        self._snake = snake
        names = [name for name in weights if name.startswith(("acoustic_decoder.", "quantizer.", "fc2."))]
        self._weights = {name: _arranged(name, weights[name]).to(device) for name in names}
        # Each codebook's entries, projected once: what is looked up is then summed as it is.
        self._entries = torch.stack([self._projected(index) for index in range(NUM_QUANTIZERS)])

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes ``[B, F, 8]``, each 0 to 1023, to samples ``[B, F * 960]``; nothing is clipped."""
        joint = self._entries[0][codes[..., 0]]
        for index in range(1, NUM_QUANTIZERS):
            joint = joint + self._entries[index][codes[..., index]]
        x = F.linear(joint, self._weights["fc2.weight"], self._weights["fc2.bias"])  # [B, F, C]
        return self._acoustic(x.transpose(1, 2).unsqueeze(2))

    def _acoustic(self, x: Tensor) -> Tensor:
        x = self._conv("acoustic_decoder.conv1", x, padding=3)
        for index, stride in enumerate(STRIDES):
            block = f"acoustic_decoder.block.{index}"
            x = self._snaked(f"{block}.snake1", x)
            x = F.conv_transpose2d(
                x,
                self._weights[f"{block}.conv_t1.weight"],
                self._weights[f"{block}.conv_t1.bias"],
                stride=(1, stride),
                padding=(0, -(-stride // 2)),
                output_padding=(0, stride % 2),
            )
            for unit, dilation in enumerate(DILATIONS, start=1):
                x = self._residual(f"{block}.res_unit{unit}", x, dilation)
        x = self._snaked("acoustic_decoder.snake1", x)
        return self._conv("acoustic_decoder.conv2", x, padding=3)[:, 0, 0]

    def _residual(self, name: str, x: Tensor, dilation: int) -> Tensor:
        inner = self._conv(f"{name}.conv1", self._snaked(f"{name}.snake1", x), padding=3 * dilation, dilation=dilation)
        return x + self._conv(f"{name}.conv2", self._snaked(f"{name}.snake2", inner))

    def _snaked(self, name: str, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        result = torch.empty_like(x, memory_format=torch.channels_last)
        self._snake(x, self._weights[f"{name}.alpha"], result)
        return result

    def _conv(self, name: str, x: Tensor, *, padding: int = 0, dilation: int = 1) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.conv2d(x, weight, bias, padding=(0, padding), dilation=(1, dilation))

    def _projected(self, index: int) -> Tensor:
        name = f"quantizer.quantizers.{index}"
        book = self._weights[f"{name}.codebook.embed"]
        return F.linear(book, self._weights[f"{name}.project_out.weight"], self._weights[f"{name}.project_out.bias"])


def _arranged(name: str, weight: Tensor) -> Tensor:
    if name.endswith(".alpha"):
        return weight.flatten().contiguous()
    if weight.dim() == 3:  # a convolution over time becomes one over images of height one
        return weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    return weight.contiguous()
