"""What a model reads and writes, which is all that differs between speaking and listening steps."""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from antiphon_server.engine.runner import Draw, PrefillPart, Row
from antiphon_server.runtime.cuda.catalogue import GraphCatalogue
from antiphon_server.runtime.cuda.lane import Lane


class Head(Protocol):
    """The end of one step, on static tensors."""

    rows: Tensor
    """What was written, ``[B, row size]``, whole numbers."""

    def run(self, normed: Tensor, slots: Tensor) -> None:
        """Write for ``slots`` ``[B]`` from the first B rows of ``normed`` ``[M, E]``; the product has all M rows."""
        ...


class Modality(Protocol):
    """Knows what every slot has written last, those of padding rows too, and keeps it on the device."""

    row_size: int
    """Whole numbers of a row."""
    position_size: int
    """Whole numbers that the host tells of a position of a prompt; zeros are a text id, for padding."""

    def begin(self, slot: int, draw: Draw) -> None:
        """Take a slot for a new sequence."""
        ...

    def end(self, slot: int) -> None:
        """Give a slot back."""
        ...

    def head(self, num_rows: int) -> Head:
        """Allocate the end of a step of ``num_rows`` slots."""
        ...

    def embed_last(self, slots: Tensor, hidden: Tensor) -> None:
        """Write what ``slots`` ``[B]`` have written last into ``hidden`` ``[B, E]``; captured."""
        ...

    def lay_out(self, part: PrefillPart) -> Tensor:
        """Lay the positions of a part out on the host: ``[N, position size]``."""
        ...

    def prepare(self, part: PrefillPart) -> None:
        """Ask for what has to be computed before a part's prefill."""
        ...

    def embed_positions(self, positions: Tensor, hidden: Tensor) -> None:
        """Embed ``positions`` ``[N, position size]``, padding among them, into ``hidden`` ``[N, E]``; captured."""
        ...

    def capture(self) -> None:
        """Capture what ``prepare`` replays."""
        ...

    def row(self, numbers: Sequence[int]) -> Row:
        """Read a row as it was collected."""
        ...


Opening = Callable[[int, Lane, GraphCatalogue], Modality]
"""Opens a modality for so many slots, padding rows' with them; what it prepares is captured in the steps' catalogue."""
