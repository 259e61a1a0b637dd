"""From normed hidden states to rows of codes, on static tensors."""

import torch
from torch import Tensor

from antiphon_server.model.backbone import Backbone
from antiphon_server.model.higgs_config import CODE_VOCABULARY, NUM_CODEBOOKS
from antiphon_server.runtime.kernels.choice import Kernels
from antiphon_server.runtime.sampler import SamplerState


class RowHead:
    """Scores all codes of the next row of ``num_rows`` slots, and draws it."""

    def __init__(self, model: Backbone, kernels: Kernels, sampler: SamplerState, *, num_rows: int) -> None:
        """Allocate the rows; ``sampler`` is of every slot."""
        self._model, self._kernels, self._sampler = model, kernels, sampler
        self._drawn = torch.zeros(num_rows, NUM_CODEBOOKS, dtype=torch.long, device=model.device)
        self.rows = torch.zeros(num_rows, NUM_CODEBOOKS, dtype=torch.long, device=model.device)
        """The rows drawn."""

    def run(self, normed: Tensor, slots: Tensor) -> None:
        """Draw for ``slots`` ``[B]`` from the first B rows of ``normed`` ``[M, E]``; the product has all M rows."""
        logits = torch.mm(normed, self._model.code_embedding.T)[: len(slots)]
        logits = logits.view(len(slots), NUM_CODEBOOKS, CODE_VOCABULARY)
        self._kernels.sample(self._sampler, slots, logits, self._drawn, self.rows)
