"""The Higgs Audio v3 TTS language model: Qwen3 that reads text and rows of codes, and writes rows of codes.

The rotation's table is rounded to bf16 whatever the type of the weights, as in their training.
Shapes: N tokens of one call, E hidden size.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.model.higgs_config import CODE_VOCABULARY, CONTEXT_POSITIONS, NUM_CODEBOOKS, HiggsConfig
from antiphon_server.model.layout import BODY, CODE_EMBEDDING, TEXT_EMBEDDING
from antiphon_server.model.qwen3 import Qwen3, Qwen3Names


class Backbone(Qwen3):
    """All weights of the language model and its forward pass. No text head: text is never predicted."""

    def __init__(
        self, config: HiggsConfig, *, dtype: torch.dtype = torch.bfloat16, device: torch.device | str = "cpu"
    ) -> None:
        """Allocate; ``load`` fills in."""
        super().__init__(
            config,
            Qwen3Names(TEXT_EMBEDDING, BODY),
            num_positions=CONTEXT_POSITIONS,
            rotation_dtype=torch.bfloat16,
            dtype=dtype,
            device=device,
        )
        self.code_embedding = self._empty(NUM_CODEBOOKS * CODE_VOCABULARY, config.hidden_size)
        self._code_offsets = torch.arange(NUM_CODEBOOKS, device=self.device) * CODE_VOCABULARY

    def embed_rows(self, rows: Tensor) -> Tensor:
        """Sum the embeddings of eight codes a row, ``[N, 8]``, in fp32 with one rounding: ``[N, E]``."""
        gathered = F.embedding(rows + self._code_offsets, self.code_embedding)  # [N, 8, E]
        return gathered.float().sum(1).to(self.dtype)

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Score all codes of the next row from ``[N, E]``: ``[N, 8, 1026]`` in fp32."""
        return F.linear(hidden, self.code_embedding).view(-1, NUM_CODEBOOKS, CODE_VOCABULARY).float()

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Name the place of every tensor of the checkpoint; see ``Qwen3.named``."""
        yield CODE_EMBEDDING, self.code_embedding
        yield from super().named()
