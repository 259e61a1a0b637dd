"""The Runner of Higgs Audio v3 TTS in eager torch."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from antiphon_server.codec.delay import undelay
from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.codec.sizes import SAMPLES_PER_FRAME
from antiphon_server.engine.runner import Draw, PrefillPart, Row, WindowPart, WindowsAtOnce
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.higgs_config import CODE_VOCABULARY, NUM_CODEBOOKS
from antiphon_server.runtime.eager_runner import EagerRunner, RunnerSizes
from antiphon_server.runtime.sampler import SamplerState, sample


class HiggsRunner(EagerRunner, WindowsAtOnce):
    """A Runner; see ``EagerRunner``."""

    def __init__(self, backbone: Backbone, codec: HiggsCodec, **sizes: Unpack[RunnerSizes]) -> None:
        """Allocate the cache."""
        super().__init__(backbone, **sizes)
        self._backbone, self._codec = backbone, codec
        self._state = SamplerState(self.max_sequences, backbone.device)

    def begin(self, slot: int, draw: Draw) -> None:
        """Prepare a slot; see ``Runner``."""
        self._state.begin(slot, draw, CODE_VOCABULARY)

    def end(self, slot: int) -> None:
        """Free a slot; see ``Runner``."""
        self._state.end(slot)

    def embed_part(self, part: PrefillPart) -> Tensor:
        """Embed text ids and rows of codes."""
        ids = [position if isinstance(position, int) else 0 for position in part.positions]
        hidden = self._backbone.embed_text(self._indices(ids))
        rows = {index: position for index, position in enumerate(part.positions) if isinstance(position, tuple)}
        if rows:
            codes = torch.tensor(list(rows.values()), device=self._backbone.device)
            hidden = hidden.index_copy(0, self._indices(list(rows)), self._backbone.embed_rows(codes))
        return hidden

    def embed_last(self, slots: Tensor) -> Tensor:
        """Embed the last rows."""
        return self._backbone.embed_rows(self._state.last_rows[slots])

    def draw(self, slots: Tensor, hidden: Tensor) -> list[Row]:
        """Draw rows of codes."""
        rows = sample(self._state, slots, self._backbone.logits(hidden)[: len(slots)])
        assert rows.shape[1] == NUM_CODEBOOKS
        return [tuple(row) for row in rows.tolist()]

    @torch.inference_mode()
    def decode_windows(self, parts: Sequence[WindowPart]) -> Sequence[bytes | None]:
        """Decode each window alone, so that none can change another's bits; see ``Runner``."""
        return [self._decode_window(part) for part in parts]

    def _decode_window(self, part: WindowPart) -> bytes | None:
        codes = torch.from_numpy(undelay(np.array(part.rows))).to(self._backbone.device)
        samples = self._codec.decode(codes[None])[0]
        if not bool(samples.isfinite().all()):
            return None
        end = len(samples) - part.num_right * SAMPLES_PER_FRAME
        return to_pcm(samples[part.num_left * SAMPLES_PER_FRAME : end])


def to_pcm(samples: Tensor) -> bytes:
    """Round samples in -1..1 to s16le; louder ones are clipped."""
    wide = (samples.float().clamp(-1.0, 1.0) * 32767.0).round()
    return wide.cpu().numpy().astype(np.dtype("<i2")).tobytes()
