"""The encoder and the projector of Higgs Audio v3 STT: from the mel spectrum of a chunk to positions of the prompt.

A chunk is heard alone: nothing of another one reaches it. Chunks of one call have the same length; nothing is padded.
Shapes: B chunks, M mel frames, T positions, W width, E hidden size of the decoder.
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.model.stored_weights import StoredWeights
from antiphon_server.model.stt.config import SttConfig
from antiphon_server.model.stt.layout import PROJECTOR, TOWER, ear_shapes
from antiphon_server.model.stt.mel import log_mel, mel_filters

_EPS = 1e-5


class Ear:
    """All weights of encoder and projector, and their forward pass."""

    def __init__(
        self, config: SttConfig, *, dtype: torch.dtype = torch.bfloat16, device: torch.device | str = "cpu"
    ) -> None:
        """Allocate; ``load`` fills in."""
        self.config, self.dtype = config, dtype
        shapes = ear_shapes(config)
        self.weights = {name: torch.empty(shape, dtype=dtype, device=device) for name, shape in shapes.items()}
        self._filters = mel_filters().to(device)

    def load(self, stored: StoredWeights) -> None:
        """Read the weights.

        Raises:
            ModelNotInstalled: If a file cannot be read any more.
        """
        stored.fill(self.weights)

    def hear_samples(self, chunks: Tensor) -> Tensor:
        """Turn chunks of equal length, ``[B, S]`` at 16 000 Hz in fp32, into positions: ``[B, rows, E]``."""
        return self.hear(self.mel(chunks))

    def mel(self, chunks: Tensor) -> Tensor:
        """Describe chunks of equal length, ``[B, S]`` at 16 000 Hz in fp32, by ``[B, 128, M]`` in fp32."""
        return log_mel(chunks, self._filters)

    @torch.inference_mode()
    def hear(self, mel: Tensor) -> Tensor:
        """Turn ``mel`` ``[B, 128, M]`` of chunks of equal length into positions of the prompt, ``[B, rows, E]``.

        The spectrum is rounded to bf16 whatever the type of the weights, as in their training.
        """
        return self.project(self.encode(mel.bfloat16()))

    @torch.inference_mode()
    def encode(self, mel: Tensor) -> Tensor:
        """Encode ``[B, 128, M]``: ``[B, T, W]``, 25 a second."""
        x = F.gelu(self._conv("conv1", mel.to(self.dtype), stride=1))
        x = F.gelu(self._conv("conv2", x, stride=2)).transpose(1, 2)
        x = x + self.weights[f"{TOWER}embed_positions.weight"][: x.shape[1]]
        for index in range(self.config.tower.num_layers):
            x = self._layer(f"{TOWER}layers.{index}.", x)
        pooled = F.avg_pool1d(x.transpose(1, 2), kernel_size=2, stride=2).transpose(1, 2)
        return self._norm(f"{TOWER}layer_norm", pooled)

    @torch.inference_mode()
    def project(self, encoded: Tensor) -> Tensor:
        """Halve the rate of ``[B, T, W]`` and reach the decoder's size: ``[B, rows, E]``, 12.5 a second."""
        x = self._halve(encoded.transpose(1, 2)).transpose(1, 2)
        return self._linear(f"{PROJECTOR}linear2", F.relu(self._linear(f"{PROJECTOR}linear1", x)))

    def _halve(self, x: Tensor) -> Tensor:
        """Convolve each of the channels of ``[B, W, T]`` by itself, and keep every second value."""
        weight, bias = self.weights[f"{PROJECTOR}temporal.weight"], self.weights[f"{PROJECTOR}temporal.bias"]
        return F.conv1d(x, weight, bias, stride=2, padding=1, groups=len(weight))

    def _layer(self, prefix: str, x: Tensor) -> Tensor:
        normed = self._norm(f"{prefix}self_attn_layer_norm", x)
        x = x + self._linear(f"{prefix}self_attn.out_proj", self._attend(f"{prefix}self_attn.", normed))
        inner = F.gelu(self._linear(f"{prefix}fc1", self._norm(f"{prefix}final_layer_norm", x)))
        return x + self._linear(f"{prefix}fc2", inner)

    def _attend(self, prefix: str, x: Tensor) -> Tensor:
        """Let every position of a chunk see all of the chunk."""
        num_heads = self.config.tower.num_heads
        query, value = self._linear(f"{prefix}q_proj", x), self._linear(f"{prefix}v_proj", x)
        key = F.linear(x, self.weights[f"{prefix}k_proj.weight"])
        query, key, value = (part.view(*part.shape[:2], num_heads, -1).transpose(1, 2) for part in (query, key, value))
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)

    def _conv(self, name: str, x: Tensor, stride: int) -> Tensor:
        weight, bias = self.weights[f"{TOWER}{name}.weight"], self.weights[f"{TOWER}{name}.bias"]
        return F.conv1d(x, weight, bias, stride=stride, padding=1)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], _EPS)
