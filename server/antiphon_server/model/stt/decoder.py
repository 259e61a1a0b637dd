"""The text decoder of Higgs Audio v3 STT: Qwen3 with a head of its own, that reads text and what was heard.

The rotation's table is rounded to the type of the weights.
Shapes: N tokens of one call, E hidden size.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.model.qwen3 import Qwen3, Qwen3Names
from antiphon_server.model.stt.config import TEXT_POSITIONS, SttConfig
from antiphon_server.model.stt.layout import TEXT_EMBEDDING, TEXT_HEAD
from antiphon_server.model.stt.vocabulary import AUDIO


class TextDecoder(Qwen3):
    """All weights of the decoder and its forward pass."""

    def __init__(
        self, config: SttConfig, *, dtype: torch.dtype = torch.bfloat16, device: torch.device | str = "cpu"
    ) -> None:
        """Allocate; ``load`` fills in."""
        super().__init__(
            config.text,
            Qwen3Names(TEXT_EMBEDDING),
            num_positions=TEXT_POSITIONS,
            rotation_dtype=dtype,
            dtype=dtype,
            device=device,
        )
        self.text_head = self._empty(config.text.vocabulary, config.text.hidden_size)

    @torch.inference_mode()
    def embed_prompt(self, ids: Tensor, heard: Tensor) -> Tensor:
        """Look ids ``[N]`` up, and put what was heard ``[rows, E]`` where they are AUDIO: ``[N, E]``.

        Raises:
            ValueError: If ``heard`` has more or fewer rows than there are such ids.
        """
        is_audio = ids == AUDIO
        if int(is_audio.sum()) != len(heard):
            raise ValueError(f"{len(heard)} rows were heard for {int(is_audio.sum())} places in the prompt")
        hidden = self.embed_text(ids)
        hidden[is_audio] = heard.to(self.dtype)
        return hidden

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Score all text ids behind ``[N, E]``: ``[N, vocabulary]`` in fp32."""
        return F.linear(hidden, self.text_head).float()

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Name the place of every tensor of the checkpoint; see ``Qwen3.named``."""
        yield TEXT_HEAD, self.text_head
        yield from super().named()
