"""Where every slot stands in the cache. The device knows it: the host only tells a step which slots take part."""

from collections.abc import Sequence

import torch
from torch import Tensor


class SlotState:
    """Block table and length of every slot, and of one scratch slot for each padding row.

    Slots ``0`` to ``num_slots - 1`` belong to sequences, scratch slot ``num_slots + row`` to padding row ``row``:
    padding rows write somewhere too, and two of them must not write to the same place.
    """

    def __init__(
        self, num_slots: int, num_padding: int, max_blocks: int, *, first_scratch_block: int, device: torch.device | str
    ) -> None:
        """Allocate; scratch slot ``i`` owns block ``first_scratch_block + i``."""
        num_all = num_slots + num_padding
        self.num_slots, self.num_padding = num_slots, num_padding
        self.lengths = torch.zeros(num_all, dtype=torch.int32, device=device)
        """Positions in the cache."""
        self.tables = torch.zeros(num_all, max_blocks, dtype=torch.int32, device=device)
        """Blocks of each slot in order; beyond its own they are block 0, and never read."""
        self.tables[num_slots:, 0] = torch.arange(
            first_scratch_block, first_scratch_block + num_padding, dtype=torch.int32, device=device
        )
        self.is_real = torch.ones(num_all, dtype=torch.int32, device=device)
        """1 for sequences, 0 for scratch slots, whose length stays 0."""
        self.is_real[num_slots:] = 0

    @property
    def num_all(self) -> int:
        """Slots, those of padding rows with them."""
        return self.num_slots + self.num_padding

    def begin(self, slot: int) -> None:
        """Take a slot for a new sequence."""
        self.lengths[slot] = 0

    def padded(self, slots: Sequence[int], num_rows: int) -> Tensor:
        """Fill ``slots`` up to ``num_rows`` with scratch slots: int64 ``[num_rows]`` on the host."""
        scratch = range(self.num_slots + len(slots), self.num_slots + num_rows)
        return torch.tensor([*slots, *scratch], dtype=torch.long)
