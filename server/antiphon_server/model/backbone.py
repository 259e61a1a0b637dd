"""The Higgs Audio v3 language model: a Qwen3 backbone that reads text and rows of codes, and writes rows of codes.

Rounding follows the published weights' training: RMSNorm accumulates in fp32 and rounds before its weight, query and
key are rounded after their norms, the rotation's table is rounded to bf16 and the rotation itself is not.
Shapes: N tokens of one call, H heads, G key heads, D head size, E hidden size.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.model.checkpoint import Checkpoint
from antiphon_server.model.higgs_config import CODE_VOCABULARY, CONTEXT_POSITIONS, NUM_CODEBOOKS, HiggsConfig
from antiphon_server.model.layout import CODE_EMBEDDING, FINAL_NORM, TEXT_EMBEDDING, layer_name


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


class Backbone:
    """All weights of the language model and its forward pass. No text head: text is never predicted."""

    def __init__(
        self, config: HiggsConfig, *, dtype: torch.dtype = torch.bfloat16, device: torch.device | str = "cpu"
    ) -> None:
        """Allocate; ``load`` fills in."""
        self.config, self.dtype, self.device = config, dtype, torch.device(device)
        self.text_embedding = self._empty(config.vocabulary, config.hidden_size)
        self.code_embedding = self._empty(NUM_CODEBOOKS * CODE_VOCABULARY, config.hidden_size)
        self.final_norm = self._empty(config.hidden_size)
        self.layers = [self._layer() for _ in range(config.num_layers)]
        self._code_offsets = torch.arange(NUM_CODEBOOKS, device=self.device) * CODE_VOCABULARY
        self.cos, self.sin = rotation_table(config, device=self.device)

    def load(self, checkpoint: Checkpoint, progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        """Read the weights straight into the fused matrices.

        Raises:
            ModelNotInstalled: If a file cannot be read any more.
        """
        wanted = dict(self.named())
        num_all, num_done = sum(t.numel() for t in wanted.values()), 0
        for name in checkpoint.read(wanted):
            num_done += wanted[name].numel()
            progress(num_done, num_all)

    def embed_text(self, ids: Tensor) -> Tensor:
        """Look text ids ``[N]`` up: ``[N, E]``."""
        return F.embedding(ids, self.text_embedding)

    def embed_rows(self, rows: Tensor) -> Tensor:
        """Sum the embeddings of eight codes a row, ``[N, 8]``, in fp32 with one rounding: ``[N, E]``."""
        gathered = F.embedding(rows + self._code_offsets, self.code_embedding)  # [N, 8, E]
        return gathered.float().sum(1).to(self.dtype)

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

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Score all codes of the next row from ``[N, E]``: ``[N, 8, 1026]`` in fp32."""
        return F.linear(hidden, self.code_embedding).view(-1, NUM_CODEBOOKS, CODE_VOCABULARY).float()

    def _heads(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sizes = [self.config.num_heads, self.config.num_kv_heads, self.config.num_kv_heads]
        query, key, value = torch.split(qkv.view(len(qkv), -1, self.config.head_dim), sizes, dim=1)
        return query, key, value

    def _norm(self, hidden: Tensor, weight: Tensor) -> Tensor:
        wide = hidden.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.config.rms_eps)
        return weight * wide.to(self.dtype)

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Name the place of every tensor of the checkpoint; parts of a fused matrix are views of it."""
        yield TEXT_EMBEDDING, self.text_embedding
        yield CODE_EMBEDDING, self.code_embedding
        yield FINAL_NORM, self.final_norm
        num_query, num_key = (
            self.config.num_heads * self.config.head_dim,
            self.config.num_kv_heads * self.config.head_dim,
        )
        for index, layer in enumerate(self.layers):
            query, key, value = torch.split(layer.qkv, [num_query, num_key, num_key])
            gate, up = layer.gate_up.chunk(2)
            yield layer_name(index, "input_layernorm"), layer.input_norm
            yield layer_name(index, "self_attn.q_proj"), query
            yield layer_name(index, "self_attn.k_proj"), key
            yield layer_name(index, "self_attn.v_proj"), value
            yield layer_name(index, "self_attn.q_norm"), layer.query_norm
            yield layer_name(index, "self_attn.k_norm"), layer.key_norm
            yield layer_name(index, "self_attn.o_proj"), layer.output
            yield layer_name(index, "post_attention_layernorm"), layer.inner_norm
            yield layer_name(index, "mlp.gate_proj"), gate
            yield layer_name(index, "mlp.up_proj"), up
            yield layer_name(index, "mlp.down_proj"), layer.down

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


def rotation_table(config: HiggsConfig, *, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Tabulate cosine and sine of every position, rounded to bf16 as in training: ``[positions, D]`` each, in fp32."""
    half = torch.arange(0, config.head_dim, 2, dtype=torch.float32)
    angles = torch.outer(
        torch.arange(CONTEXT_POSITIONS, dtype=torch.float32), 1.0 / config.rope_theta ** (half / config.head_dim)
    ).repeat(1, 2)
    return angles.cos().bfloat16().float().to(device), angles.sin().bfloat16().float().to(device)


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the first half of each head against its second, ``[N, H, D]``; one rounding at the end."""
    wide = heads.float()
    first, second = wide.chunk(2, -1)
    return (wide * cos + torch.cat((-second, first), -1) * sin).to(heads.dtype)
