"""One decode step on static tensors: from the slots' last rows to their next ones, with nothing read by the host."""

import torch
from torch import Tensor

from antiphon_server.model.qwen3 import Qwen3
from antiphon_server.runtime.cuda.layers import Layers
from antiphon_server.runtime.cuda.modality import Modality
from antiphon_server.runtime.cuda.state import SlotState
from antiphon_server.runtime.kernels.choice import Kernels
from antiphon_server.runtime.kernels.paged_attention_twin import partial_shapes
from antiphon_server.runtime.paged_kv import PagedKV


class DecodeStep:
    """The step of one bucket of B rows; ``run`` is what a graph captures."""

    def __init__(
        self,
        model: Qwen3,
        cache: PagedKV,
        state: SlotState,
        kernels: Kernels,
        modality: Modality,
        *,
        bucket: int,
        num_product_rows: int,
    ) -> None:
        """Allocate what the host fills in and reads.

        Args:
            model: The weights.
            cache: Keys and values, scratch blocks included.
            state: Of every slot.
            kernels: Those for CUDA, or their twins.
            modality: What the model reads and writes.
            bucket: Rows of this step, padding included.
            num_product_rows: Rows of every matrix product, at least ``bucket``. The same number for every bucket makes
                a row's bits independent of how many others there are.
        """
        self._cache, self._state, self._kernels, self._modality = cache, state, kernels, modality
        self.slots = torch.zeros(bucket, dtype=torch.long, device=model.device)
        """Filled in before each run; see ``SlotState.padded``."""
        self._layers = Layers(model, cache, kernels, num_tokens=bucket, num_rows=num_product_rows)
        self._head = modality.head(bucket)
        num_positions = state.tables.shape[1] * cache.block_size
        num_heads, dim = model.config.num_heads, model.config.head_dim
        sums, scales = partial_shapes(bucket, num_heads, dim, num_positions, itemsize=model.dtype.itemsize)
        self._partial = torch.zeros(sums, device=model.device), torch.zeros(scales, device=model.device)

    @property
    def rows(self) -> Tensor:
        """The rows written, ``[B, row size]``."""
        return self._head.rows

    @torch.inference_mode()
    def run(self) -> None:
        """Take every slot one row further."""
        state, slots, size = self._state, self.slots, self._cache.block_size
        positions, tables = state.lengths[slots], state.tables[slots]
        blocks = tables.gather(1, (positions // size)[:, None].long())[:, 0]
        places = blocks.long() * size + positions % size
        lengths = positions + 1

        def attend(query: Tensor, keys: Tensor, values: Tensor, mixed: Tensor) -> None:
            self._kernels.paged_attention(query, (keys, values), size, tables, lengths, self._partial, mixed)

        self._modality.embed_last(slots, self._layers.hidden[: len(slots)])
        self._layers.run(positions.long(), places, attend)
        self._head.run(self._layers.normed, slots)
        state.lengths.index_add_(0, slots, state.is_real[slots])
