"""The Runner of Higgs Audio v3 STT in eager torch: chunks of sound in, text ids out."""

from collections.abc import Sequence
from itertools import groupby
from typing import Unpack

import torch
from torch import Tensor

from antiphon_server.audio.floats import to_floats
from antiphon_server.engine.runner import BROKEN, Draw, Heard, NoWindows, PrefillPart, Row
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.vocabulary import AUDIO
from antiphon_server.runtime.eager_runner import EagerRunner, RunnerSizes


class SttRunner(EagerRunner, NoWindows):
    """A Runner; see ``EagerRunner``. It writes the likeliest id, the first of several that are equally likely."""

    def __init__(self, ear: Ear, decoder: TextDecoder, **sizes: Unpack[RunnerSizes]) -> None:
        """Allocate the cache."""
        super().__init__(decoder, **sizes)
        self._ear, self._decoder = ear, decoder
        self._last = torch.zeros(self.max_sequences, dtype=torch.long, device=decoder.device)

    def begin(self, slot: int, draw: Draw) -> None:
        """Prepare a slot; see ``Runner``. Nothing is drawn by chance."""
        del draw
        self._last[slot] = 0

    def end(self, slot: int) -> None:
        """Free a slot; see ``Runner``."""
        self._last[slot] = 0

    def embed_part(self, part: PrefillPart) -> Tensor:
        """Embed text ids, and hear chunks of sound."""
        return self._decoder.embed_prompt(self._indices(text_ids(part)), self._hear(chunks_of(part)))

    def embed_last(self, slots: Tensor) -> Tensor:
        """Embed the last ids."""
        return self._decoder.embed_text(self._last[slots])

    def draw(self, slots: Tensor, hidden: Tensor) -> list[Row]:
        """Write the likeliest ids."""
        logits = self._decoder.logits(hidden)[: len(slots)]
        best, ids = logits.max(-1)
        self._last[slots] = ids
        log_probs = best - logits.logsumexp(-1)
        found = zip(ids.tolist(), log_probs.tolist(), logits.isfinite().all(-1).tolist(), strict=True)
        return [(token, round(log_prob * 1000)) if is_finite else BROKEN for token, log_prob, is_finite in found]

    def _hear(self, chunks: Sequence[Heard]) -> Tensor:
        """Hear chunks, those of equal length that follow each other at once: ``[rows, E]``."""
        rows = [
            self._ear.hear_samples(samples_of([*equal]).to(self._decoder.device)).flatten(0, 1)
            for _, equal in groupby(chunks, key=lambda chunk: len(chunk.pcm))
        ]
        return torch.cat(rows) if rows else torch.empty(0, self._decoder.config.hidden_size)


def samples_of(chunks: Sequence[Heard]) -> Tensor:
    """Read chunks of equal length: ``[B, S]`` in fp32, -1 to 1."""
    return torch.from_numpy(to_floats(b"".join(chunk.pcm for chunk in chunks))).view(len(chunks), -1)


def chunks_of(part: PrefillPart) -> list[Heard]:
    """List the chunks of sound of a part, each once."""
    found: dict[Heard, None] = {position: None for position in part.positions if isinstance(position, Heard)}
    return list(found)


def text_ids(part: PrefillPart) -> list[int]:
    """List the ids of a part; a position of sound is AUDIO."""
    return [position if isinstance(position, int) else AUDIO for position in part.positions]
