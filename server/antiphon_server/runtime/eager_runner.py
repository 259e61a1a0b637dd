"""The steps of a Runner in eager torch: what a CPU runs, and what graphs on a GPU have to equal."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Required, TypedDict, Unpack

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.engine.runner import DecodePart, PrefillPart, Row
from antiphon_server.model.qwen3 import Qwen3
from antiphon_server.runtime.paged_kv import DecodeAttention, PagedKV, PrefillAttention

MOST_SEQUENCES = 64


class RunnerSizes(TypedDict, total=False):
    """How a runner is built, on a CPU and on a GPU."""

    num_blocks: Required[int]
    block_size: int
    max_sequences: int
    is_invariant: bool


class EagerRunner(ABC):
    """Prefills and launches of a model; what it reads and writes, its heirs say.

    A row's bits depend on its own sequence only, if ``is_invariant``. Another number of rows in a matrix product gives
    other bits. So every decode step's products then have ``max_sequences`` rows, filled up with padding.
    """

    max_lag = 1

    def __init__(self, model: Qwen3, **sizes: Unpack[RunnerSizes]) -> None:
        """Allocate the cache."""
        super().__init__()
        self.num_blocks = num_blocks = sizes["num_blocks"]
        self.block_size = block_size = sizes.get("block_size", 16)
        self.max_sequences = sizes.get("max_sequences", MOST_SEQUENCES)
        self.max_positions = min(model.num_positions, num_blocks * block_size)
        self._model, self._is_invariant = model, sizes.get("is_invariant", True)
        self._cache = PagedKV(
            model.config, num_blocks=num_blocks, block_size=block_size, dtype=model.dtype, device=model.device
        )
        self._results: deque[list[Row]] = deque()

    @abstractmethod
    def embed_part(self, part: PrefillPart) -> Tensor:
        """Embed the positions of a part of a prompt: ``[N, E]``."""

    @abstractmethod
    def embed_last(self, slots: Tensor) -> Tensor:
        """Embed what was written last in ``slots`` ``[B]``: ``[B, E]``."""

    @abstractmethod
    def draw(self, slots: Tensor, hidden: Tensor) -> list[Row]:
        """Write the next row of ``slots`` ``[B]`` from the first B of ``hidden`` ``[M, E]``."""

    @torch.inference_mode()
    def prefill(self, part: PrefillPart) -> None:
        """Compute a part of a prompt; see ``Runner``."""
        hidden = self.embed_part(part)
        positions = torch.arange(part.first, part.first + len(hidden), device=self._model.device)
        attention = PrefillAttention(self._cache, part.blocks, num_cached=part.first, num_new=len(hidden))
        hidden = self._model.forward(hidden, positions, attention)
        if part.is_last:
            self._results.append(self.draw(self._indices([part.slot]), self._padded(hidden[-1:])))

    @torch.inference_mode()
    def launch(self, parts: Sequence[DecodePart]) -> None:
        """Compute one row for each part; see ``Runner``."""
        slots = self._indices([part.slot for part in parts])
        hidden = self._padded(self.embed_last(slots))
        positions = self._indices([part.length - 1 for part in parts])
        positions = F.pad(positions, (0, len(hidden) - len(positions)))
        attention = DecodeAttention(self._cache, [part.blocks for part in parts], [part.length for part in parts])
        self._results.append(self.draw(slots, self._model.forward(hidden, positions, attention)))

    def collect(self) -> Sequence[Row]:
        """Give the oldest launch's rows; see ``Runner``."""
        return self._results.popleft()

    def _padded(self, hidden: Tensor) -> Tensor:
        return F.pad(hidden, (0, 0, 0, self.max_sequences - len(hidden))) if self._is_invariant else hidden

    def _indices(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self._model.device)
