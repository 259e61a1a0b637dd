"""Listening on static tensors: text ids in and out, and sound in the prompt."""

from collections.abc import Sequence

import torch
from torch import Tensor

from antiphon_server.engine.runner import BROKEN, Draw, Heard, PrefillPart, Row
from antiphon_server.model.stt.chunks import num_rows
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.vocabulary import AUDIO
from antiphon_server.runtime.cuda.ear_steps import EarSteps
from antiphon_server.runtime.kernels.choice import Kernels
from antiphon_server.runtime.kernels.likeliest_twin import NO_ID, piece_shape
from antiphon_server.runtime.stt_runner import chunks_of

_ROW_SIZE = 2


class TextHead:
    """A Head: scores the whole vocabulary, and takes the likeliest id."""

    def __init__(self, model: TextDecoder, kernels: Kernels, last_ids: Tensor, *, num_rows: int) -> None:
        """Allocate the rows; ``last_ids`` is of every slot."""
        self._model, self._kernels, self._last_ids = model, kernels, last_ids
        self._pieces = torch.zeros(piece_shape(num_rows, model.config.vocabulary), device=model.device)
        self.rows = torch.zeros(num_rows, _ROW_SIZE, dtype=torch.long, device=model.device)
        """Ids, and their log probabilities in thousandths."""

    def run(self, normed: Tensor, slots: Tensor) -> None:
        """See ``Head``."""
        logits = torch.mm(normed, self._model.text_head.T)[: len(slots)]
        self._kernels.likeliest(logits, slots, self._pieces, self._last_ids, self.rows)


class Text:
    """A Modality."""

    row_size = _ROW_SIZE
    position_size = 2
    """Its id, and which row of what was heard stands there, from 1 on; 0: none."""

    def __init__(self, model: TextDecoder, ears: EarSteps, kernels: Kernels, num_slots: int) -> None:
        """Allocate the last id of every slot."""
        self._model, self._ears, self._kernels = model, ears, kernels
        self._last_ids = torch.zeros(num_slots, dtype=torch.long, device=model.device)

    def begin(self, slot: int, draw: Draw) -> None:
        """See ``Modality``. Nothing is drawn by chance."""
        del draw
        self._last_ids[slot] = 0

    def end(self, slot: int) -> None:
        """See ``Modality``."""
        self._last_ids[slot] = 0

    def head(self, num_rows: int) -> TextHead:
        """See ``Modality``."""
        return TextHead(self._model, self._kernels, self._last_ids, num_rows=num_rows)

    def embed_last(self, slots: Tensor, hidden: Tensor) -> None:
        """See ``Modality``."""
        hidden.copy_(self._model.embed_text(self._last_ids[slots]))

    def lay_out(self, part: PrefillPart) -> Tensor:
        """See ``Modality``.

        Raises:
            ValueError: If a chunk of sound is not there once for every position that it takes.
        """
        numbers, num_heard = [], 0
        for position in part.positions:
            num_heard += (is_heard := isinstance(position, Heard))
            numbers.append((AUDIO, num_heard) if is_heard else (position, 0))
        if num_heard != (num_taken := sum(num_rows(len(chunk.pcm) // 2) for chunk in chunks_of(part))):
            raise ValueError(f"{num_taken} rows are heard for {num_heard} places in the prompt")
        return torch.tensor(numbers, dtype=torch.long)

    def prepare(self, part: PrefillPart) -> None:
        """Hear the chunks of a part."""
        self._ears.hear(chunks_of(part))

    def embed_positions(self, positions: Tensor, hidden: Tensor) -> None:
        """See ``Modality``."""
        ids, places = positions[:, 0], positions[:, 1:]
        heard = self._ears.heard.index_select(0, (places[:, 0] - 1).clamp_min(0))
        hidden.copy_(torch.where(places > 0, heard, self._model.embed_text(ids)))

    def capture(self) -> None:
        """Capture what hears."""
        self._ears.capture()

    def row(self, numbers: Sequence[int]) -> Row:
        """See ``Modality``."""
        return BROKEN if numbers[0] == NO_ID else tuple(numbers)
