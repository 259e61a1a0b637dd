"""Speech on static tensors: rows of codes in and out, and text in the prompt."""

from collections.abc import Sequence

import torch
from torch import Tensor

from antiphon_server.engine.runner import Draw, PrefillPart, Row
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.higgs_config import CODE_VOCABULARY, NUM_CODEBOOKS
from antiphon_server.runtime.cuda.row_head import RowHead
from antiphon_server.runtime.kernels.choice import Kernels
from antiphon_server.runtime.sampler import SamplerState


class Codes:
    """A Modality."""

    row_size = NUM_CODEBOOKS
    position_size = NUM_CODEBOOKS + 2
    """Its eight codes, its text id, and 1 where the codes count."""

    def __init__(self, model: Backbone, kernels: Kernels, num_slots: int) -> None:
        """Allocate delay machine and sampling parameters of every slot; all of them are free."""
        self._model, self._kernels = model, kernels
        self.sampler = SamplerState(num_slots, model.device)

    def begin(self, slot: int, draw: Draw) -> None:
        """See ``Modality``."""
        self.sampler.begin(slot, draw, CODE_VOCABULARY)

    def end(self, slot: int) -> None:
        """See ``Modality``; the slot writes STOP until it is taken again."""
        self.sampler.end(slot)

    def head(self, num_rows: int) -> RowHead:
        """See ``Modality``."""
        return RowHead(self._model, self._kernels, self.sampler, num_rows=num_rows)

    def embed_last(self, slots: Tensor, hidden: Tensor) -> None:
        """See ``Modality``."""
        self._kernels.embed_rows(self.sampler.last_rows, slots, self._model.code_embedding, hidden)

    def lay_out(self, part: PrefillPart) -> Tensor:
        """See ``Modality``."""
        rows = [(*p, 0, 1) if isinstance(p, tuple) else (0,) * NUM_CODEBOOKS + (p, 0) for p in part.positions]
        return torch.tensor(rows, dtype=torch.long)

    def prepare(self, part: PrefillPart) -> None:
        """Do nothing: codes and text are only looked up."""

    def embed_positions(self, positions: Tensor, hidden: Tensor) -> None:
        """See ``Modality``."""
        codes, steps = positions[:, :NUM_CODEBOOKS].contiguous(), torch.arange(len(positions), device=hidden.device)
        ids, is_row = positions[:, -2], positions[:, -1:]
        self._kernels.embed_rows(codes, steps, self._model.code_embedding, hidden)
        hidden.copy_(torch.where(is_row.bool(), hidden, self._model.embed_text(ids)))

    def capture(self) -> None:
        """Do nothing: nothing is prepared."""

    def row(self, numbers: Sequence[int]) -> Row:
        """See ``Modality``."""
        return tuple(numbers)
