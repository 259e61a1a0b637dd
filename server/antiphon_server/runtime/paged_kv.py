"""Keys and values in blocks of fixed size, and attention over the blocks a sequence holds."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.model.higgs_config import HiggsConfig


class PagedKV:
    """The cache of all sequences; a slot is ``block * block_size + offset``."""

    def __init__(
        self, config: HiggsConfig, *, num_blocks: int, block_size: int, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        """Allocate ``num_blocks`` blocks of ``block_size`` positions for every layer."""
        shape = (config.num_layers, 2, num_blocks * block_size, config.num_kv_heads, config.head_dim)
        self.store = torch.zeros(shape, dtype=dtype, device=device)
        self.num_blocks, self.block_size = num_blocks, block_size

    def slots(self, blocks: Sequence[int], num_positions: int) -> Tensor:
        """Slots of the first ``num_positions`` positions of a block table."""
        table = torch.tensor(blocks, dtype=torch.long, device=self.store.device)
        places = torch.arange(num_positions, device=self.store.device)
        return table[places // self.block_size] * self.block_size + places % self.block_size


class PrefillAttention:
    """One sequence, many positions: the new ones see everything cached and, among themselves, what came before."""

    def __init__(self, cache: PagedKV, blocks: Sequence[int], *, num_cached: int, num_new: int) -> None:
        """Prepare positions ``num_cached`` to ``num_cached + num_new`` of a block table."""
        self._store = cache.store
        self._slots = cache.slots(blocks, num_cached + num_new)
        self._new = self._slots[num_cached:]
        places = torch.arange(num_cached + num_new, device=cache.store.device)
        self._mask = places[None, :] <= places[num_cached:, None]  # [new, all]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Store and answer; see ``Attention``."""
        self._store[layer, 0, self._new] = key
        self._store[layer, 1, self._new] = value
        keys, values = self._store[layer, :, self._slots]  # [all, G, D] each
        return F.scaled_dot_product_attention(
            query.transpose(0, 1)[None],
            keys.transpose(0, 1)[None],
            values.transpose(0, 1)[None],
            attn_mask=self._mask,
            enable_gqa=True,
        )[0].transpose(0, 1)


class DecodeAttention:
    """Many sequences, one new position each. Every sequence is answered alone, so no other can change its bits."""

    def __init__(self, cache: PagedKV, tables: Sequence[Sequence[int]], lengths: Sequence[int]) -> None:
        """Prepare; ``lengths`` count the positions of each sequence with its new one."""
        self._store = cache.store
        self._slots = [cache.slots(table, length) for table, length in zip(tables, lengths, strict=True)]
        new = [slots[-1:] for slots in self._slots]
        self._new = torch.cat(new) if new else torch.empty(0, dtype=torch.long, device=cache.store.device)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Store and answer; see ``Attention``. Rows beyond the sequences are padding, and answer zero."""
        num = len(self._slots)
        self._store[layer, 0, self._new] = key[:num]
        self._store[layer, 1, self._new] = value[:num]
        answer = torch.zeros_like(query)
        for row, slots in enumerate(self._slots):
            keys, values = self._store[layer, :, slots]
            answer[row] = F.scaled_dot_product_attention(
                query[row, :, None][None],
                keys.transpose(0, 1)[None],
                values.transpose(0, 1)[None],
                enable_gqa=True,
            )[0, :, 0]
        return answer
