"""The layers of Qwen3, which the speaking and the listening model share; what they read and write differs.

RMSNorm accumulates in fp32 and rounds before its weight, query and key are rounded after their norms, and the rotation
is computed in fp32 and rounded once. To what its table is rounded, the model says.
Shapes: N tokens of one call, H heads, G key heads, D head size, E hidden size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.model.higgs_config import HiggsConfig
from antiphon_server.model.layout import layer_name
from antiphon_server.model.stored_weights import StoredWeights


@dataclass(frozen=True, slots=True)
class Qwen3Names:
    """How a checkpoint names what every Qwen3 has."""

    text_embedding: str
    prefix: str = ""
    """Before ``norm`` and ``layers``."""


class Attention(Protocol):
    """Where keys and values are kept, and how a call's queries meet them."""

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Store ``key`` and ``value`` ``[N, G, D]``, and answer ``query`` ``[N, H, D]`` with ``[N, H, D]``."""
        ...


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights of one layer; projections that share an input are one matrix."""

    input_norm: Tensor  # [E]
    qkv: Tensor  # [(H + 2 G) D, E]
    query_norm: Tensor  # [D]
    key_norm: Tensor  # [D]
    output: Tensor  # [E, H D]
    inner_norm: Tensor  # [E]
    gate_up: Tensor  # [2 inner, E]
    down: Tensor  # [E, inner]


class Qwen3:
    """The text embedding, all layers and the norm behind them."""

    def __init__(
        self,
        config: HiggsConfig,
        names: Qwen3Names,
        *,
        num_positions: int,
        rotation_dtype: torch.dtype,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        """Allocate; ``load`` fills in."""
        self.config, self.dtype, self.device = config, dtype, torch.device(device)
        self.num_positions = num_positions
        self._names = names
        self.text_embedding = self._empty(config.vocabulary, config.hidden_size)
        self.final_norm = self._empty(config.hidden_size)
        self.layers = [self._layer() for _ in range(config.num_layers)]
        self.cos, self.sin = rotation_table(config, num_positions, rounded_to=rotation_dtype, device=self.device)

    def load(self, stored: StoredWeights) -> None:
        """Read the weights straight into the fused matrices.

        Raises:
            ModelNotInstalled: If a file cannot be read any more.
        """
        stored.fill(dict(self.named()))

    def embed_text(self, ids: Tensor) -> Tensor:
        """Look text ids ``[N]`` up: ``[N, E]``."""
        return F.embedding(ids, self.text_embedding)

    @torch.inference_mode()
    def forward(self, hidden: Tensor, positions: Tensor, attention: Attention) -> Tensor:
        """Run the layers over ``hidden`` ``[N, E]`` at ``positions`` ``[N]``; returns the normed output ``[N, E]``."""
        cos, sin = self.cos[positions, None], self.sin[positions, None]  # [N, 1, D]
        for index, layer in enumerate(self.layers):
            normed = self._norm(hidden, layer.input_norm)
            query, key, value = self._heads(F.linear(normed, layer.qkv))
            query = rotate(self._norm(query, layer.query_norm), cos, sin)
            key = rotate(self._norm(key, layer.key_norm), cos, sin)
            mixed = attention.attend(index, query, key, value).flatten(1)  # [N, H D]
            hidden = hidden + F.linear(mixed, layer.output)
            gate, up = F.linear(self._norm(hidden, layer.inner_norm), layer.gate_up).chunk(2, -1)
            hidden = hidden + F.linear(F.silu(gate) * up, layer.down)
        return self._norm(hidden, self.final_norm)

    def _heads(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sizes = [self.config.num_heads, self.config.num_kv_heads, self.config.num_kv_heads]
        query, key, value = torch.split(qkv.view(len(qkv), -1, self.config.head_dim), sizes, dim=1)
        return query, key, value

    def _norm(self, hidden: Tensor, weight: Tensor) -> Tensor:
        return normed(hidden, weight, self.config.rms_eps)

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Name the place of every tensor of the checkpoint; parts of a fused matrix are views of it."""
        prefix = self._names.prefix
        yield self._names.text_embedding, self.text_embedding
        yield f"{prefix}norm.weight", self.final_norm
        num_query, num_key = (
            self.config.num_heads * self.config.head_dim,
            self.config.num_kv_heads * self.config.head_dim,
        )
        for index, layer in enumerate(self.layers):
            query, key, value = torch.split(layer.qkv, [num_query, num_key, num_key])
            gate, up = layer.gate_up.chunk(2)
            parts = {
                "input_layernorm": layer.input_norm,
                "self_attn.q_proj": query,
                "self_attn.k_proj": key,
                "self_attn.v_proj": value,
                "self_attn.q_norm": layer.query_norm,
                "self_attn.k_norm": layer.key_norm,
                "self_attn.o_proj": layer.output,
                "post_attention_layernorm": layer.inner_norm,
                "mlp.gate_proj": gate,
                "mlp.up_proj": up,
                "mlp.down_proj": layer.down,
            }
            for part, tensor in parts.items():
                yield layer_name(index, part, prefix), tensor

    def _layer(self) -> Layer:
        config = self.config
        num_query, num_key = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
        return Layer(
            input_norm=self._empty(config.hidden_size),
            qkv=self._empty(num_query + 2 * num_key, config.hidden_size),
            query_norm=self._empty(config.head_dim),
            key_norm=self._empty(config.head_dim),
            output=self._empty(config.hidden_size, num_query),
            inner_norm=self._empty(config.hidden_size),
            gate_up=self._empty(2 * config.intermediate_size, config.hidden_size),
            down=self._empty(config.hidden_size, config.intermediate_size),
        )

    def _empty(self, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=self.dtype, device=self.device)


def normed(hidden: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Norm ``[..., D]`` by its root mean square; rounded once before ``weight`` ``[D]``."""
    wide = hidden.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return weight * wide.to(hidden.dtype)


def rotation_table(
    config: HiggsConfig, num_positions: int, *, rounded_to: torch.dtype, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Tabulate cosine and sine of every position, rounded to a type: ``[num_positions, D]`` each, in fp32."""
    half = torch.arange(0, config.head_dim, 2, dtype=torch.float32)
    angles = torch.outer(
        torch.arange(num_positions, dtype=torch.float32), 1.0 / config.rope_theta ** (half / config.head_dim)
    ).repeat(1, 2)
    return angles.cos().to(rounded_to).float().to(device), angles.sin().to(rounded_to).float().to(device)


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the first half of each head against its second, ``[N, H, D]``; one rounding at the end."""
    wide = heads.float()
    first, second = wide.chunk(2, -1)
    return (wide * cos + torch.cat((-second, first), -1) * sin).to(heads.dtype)
