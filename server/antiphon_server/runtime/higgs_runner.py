"""The Runner of Higgs Audio v3 TTS in eager torch: what a CPU runs, and what graphs on a GPU have to equal."""

from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.codec.delay import undelay
from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.codec.sizes import SAMPLES_PER_FRAME
from antiphon_server.engine.runner import DecodePart, Draw, PrefillPart, Row, WindowPart, WindowsAtOnce
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.higgs_config import CODE_VOCABULARY, NUM_CODEBOOKS
from antiphon_server.runtime.paged_kv import DecodeAttention, PagedKV, PrefillAttention
from antiphon_server.runtime.sampler import SamplerState, sample

MOST_SEQUENCES = 64


class HiggsRunner(WindowsAtOnce):
    """A Runner. A row's bits depend on its own sequence only, if ``is_invariant``.

    Another number of rows in a matrix product gives other bits. So every decode step's products then have
    ``max_sequences`` rows, filled up with padding.
    """

    max_lag = 1

    def __init__(
        self,
        backbone: Backbone,
        codec: HiggsCodec,
        *,
        num_blocks: int,
        block_size: int = 16,
        max_sequences: int = MOST_SEQUENCES,
        is_invariant: bool = True,
    ) -> None:
        """Allocate the cache."""
        super().__init__()
        self.block_size, self.num_blocks, self.max_sequences = block_size, num_blocks, max_sequences
        self._backbone, self._codec, self._is_invariant = backbone, codec, is_invariant
        self._cache = PagedKV(
            backbone.config,
            num_blocks=num_blocks,
            block_size=block_size,
            dtype=backbone.dtype,
            device=backbone.device,
        )
        self._state = SamplerState(max_sequences, backbone.device)
        self._results: deque[list[Row]] = deque()

    def begin(self, slot: int, draw: Draw) -> None:
        """Prepare a slot; see ``Runner``."""
        self._state.begin(slot, draw, CODE_VOCABULARY)

    @torch.inference_mode()
    def prefill(self, part: PrefillPart) -> None:
        """Compute a part of a prompt; see ``Runner``."""
        hidden = self._embed(part.positions)
        positions = torch.arange(part.first, part.first + len(part.positions), device=self._backbone.device)
        attention = PrefillAttention(self._cache, part.blocks, num_cached=part.first, num_new=len(positions))
        hidden = self._backbone.forward(hidden, positions, attention)
        if part.is_last:
            logits = self._backbone.logits(self._padded(hidden[-1:]))[:1]
            self._results.append(_rows(sample(self._state, self._indices([part.slot]), logits)))

    @torch.inference_mode()
    def launch(self, parts: Sequence[DecodePart]) -> None:
        """Compute one row for each part; see ``Runner``."""
        slots = self._indices([part.slot for part in parts])
        hidden = self._padded(self._backbone.embed_rows(self._state.last_rows[slots]))
        positions = self._indices([part.length - 1 for part in parts])
        positions = F.pad(positions, (0, len(hidden) - len(positions)))
        attention = DecodeAttention(self._cache, [part.blocks for part in parts], [part.length for part in parts])
        logits = self._backbone.logits(self._backbone.forward(hidden, positions, attention))[: len(parts)]
        self._results.append(_rows(sample(self._state, slots, logits)))

    def collect(self) -> Sequence[Row]:
        """Give the oldest launch's rows; see ``Runner``."""
        return self._results.popleft()

    @torch.inference_mode()
    def decode_windows(self, parts: Sequence[WindowPart]) -> Sequence[bytes | None]:
        """Decode each window alone, so that none can change another's bits; see ``Runner``."""
        return [self._decode_window(part) for part in parts]

    def end(self, slot: int) -> None:
        """Free a slot; see ``Runner``."""
        self._state.end(slot)

    def _decode_window(self, part: WindowPart) -> bytes | None:
        codes = torch.from_numpy(undelay(np.array(part.rows))).to(self._backbone.device)
        samples = self._codec.decode(codes[None])[0]
        if not bool(samples.isfinite().all()):
            return None
        end = len(samples) - part.num_right * SAMPLES_PER_FRAME
        return to_pcm(samples[part.num_left * SAMPLES_PER_FRAME : end])

    def _embed(self, positions: Sequence[int | Row]) -> Tensor:
        ids = [position if isinstance(position, int) else 0 for position in positions]
        hidden = self._backbone.embed_text(self._indices(ids))
        places = [index for index, position in enumerate(positions) if not isinstance(position, int)]
        if places:
            rows = torch.tensor([positions[index] for index in places], device=self._backbone.device)
            hidden = hidden.index_copy(0, self._indices(places), self._backbone.embed_rows(rows))
        return hidden

    def _padded(self, hidden: Tensor) -> Tensor:
        return F.pad(hidden, (0, 0, 0, self.max_sequences - len(hidden))) if self._is_invariant else hidden

    def _indices(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self._backbone.device)


def to_pcm(samples: Tensor) -> bytes:
    """Round samples in -1..1 to s16le; louder ones are clipped."""
    wide = (samples.float().clamp(-1.0, 1.0) * 32767.0).round()
    return wide.cpu().numpy().astype(np.dtype("<i2")).tobytes()


def _rows(rows: Tensor) -> list[Row]:
    assert rows.shape[1] == NUM_CODEBOOKS
    return [tuple(row) for row in rows.tolist()]
