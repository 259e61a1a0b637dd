"""The layers of a model on static tensors: matrix products, and small operations between them."""

from collections.abc import Callable

import torch
from torch import Tensor

from antiphon_server.model.qwen3 import Qwen3
from antiphon_server.runtime.kernels.choice import Kernels
from antiphon_server.runtime.paged_kv import PagedKV

Attend = Callable[[Tensor, Tensor, Tensor, Tensor], None]
"""``(query [B, H, D], keys, values, mixed [B, H, D])`` of one layer; keys and values as ``PagedKV`` keeps them."""


class Layers:
    """All layers for ``num_rows`` tokens at once, of which the first ``num_tokens`` are real."""

    def __init__(self, model: Qwen3, cache: PagedKV, kernels: Kernels, *, num_tokens: int, num_rows: int) -> None:
        """Allocate what lies between the products; rows behind the tokens stay zero."""
        config = model.config
        num_query, num_key = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim

        def rows(*shape: int) -> Tensor:
            return torch.zeros(num_rows, *shape, dtype=model.dtype, device=model.device)

        self._model, self._cache, self._kernels, self._num_tokens = model, cache, kernels, num_tokens
        self.hidden, self.normed = rows(config.hidden_size), rows(config.hidden_size)
        """Input of the layers, to be filled in; and their normed output."""
        self._qkv, self._mixed = rows(num_query + 2 * num_key), rows(config.num_heads, config.head_dim)
        self._query = torch.zeros(num_tokens, config.num_heads, config.head_dim, dtype=model.dtype, device=model.device)
        self._delta, self._gate_up = rows(config.hidden_size), rows(2 * config.intermediate_size)
        self._gated = rows(config.intermediate_size)

    def run(self, positions: Tensor, places: Tensor, attend: Attend) -> None:
        """Run over ``hidden``: tokens at ``positions`` ``[B]`` store keys and values at ``places`` ``[B]``."""
        model, kernels, eps, num_tokens = self._model, self._kernels, self._model.config.rms_eps, self._num_tokens
        delta: Tensor | None = None
        for layer, (keys, values) in zip(model.layers, self._cache.store, strict=True):
            kernels.add_norm(self.hidden, delta, layer.input_norm, eps, self.normed)
            torch.mm(self.normed, layer.qkv.T, out=self._qkv)
            kernels.rotate_and_store(
                self._qkv[:num_tokens],
                (layer.query_norm, layer.key_norm),
                eps,
                (model.cos, model.sin),
                positions,
                places,
                self._query,
                (keys, values),
            )
            attend(self._query, keys, values, self._mixed[:num_tokens])
            torch.mm(self._mixed.flatten(1), layer.output.T, out=self._delta)
            kernels.add_norm(self.hidden, self._delta, layer.inner_norm, eps, self.normed)
            torch.mm(self.normed, layer.gate_up.T, out=self._gate_up)
            kernels.gate(self._gate_up, self._gated)
            torch.mm(self._gated, layer.down.T, out=self._delta)
            delta = self._delta
        kernels.add_norm(self.hidden, delta, model.final_norm, eps, self.normed)
