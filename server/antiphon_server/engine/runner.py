"""What the step loop asks of whatever computes: torch on a CPU, graphs on a GPU, a script in a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Row = tuple[int, ...]
"""Eight codes of one step, delayed; all -1 after the end."""

SAMPLES_PER_FRAME = 960
SAMPLE_RATE_HZ = 24_000
STOPPED: Row = (-1,) * 8
BROKEN: Row = (-2,) * 8
"""What is drawn from scores that are no numbers; its sequence cannot go on, the others can."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How a sequence's codes are drawn."""

    seed: int
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None


@dataclass(frozen=True, slots=True)
class PrefillPart:
    """Positions of a prompt that are computed in one call."""

    slot: int
    positions: Sequence[int | Row]
    """Text ids, and delayed rows of codes where a reference is heard."""
    first: int
    """Index of the first of them; everything before is in the cache."""
    blocks: Sequence[int]
    is_last: bool
    """Whether the first row of codes is drawn behind them."""


@dataclass(slots=True)
class DecodePart:
    """One sequence of a decode step. It is the loop's own and changes with the next launch: read it during the call."""

    slot: int
    """-1: it has no place."""
    length: int
    """Positions with the new one."""
    blocks: list[int]


@dataclass(frozen=True, slots=True)
class WindowPart:
    """One window of the codec."""

    rows: Sequence[Row]
    """The delayed rows of its frames, seven more than frames."""
    num_left: int
    """Frames in front whose samples are thrown away."""
    num_right: int
    """The same behind."""


class Runner(Protocol):
    """Computes. Slots are 0 to ``max_sequences - 1``; results come back in the order of the launches."""

    block_size: int
    num_blocks: int
    max_sequences: int
    max_lag: int
    """Launches that may be under way before the oldest has to be collected; 1 where everything is done at once."""

    def begin(self, slot: int, draw: Draw) -> None:
        """Prepare a slot for a new sequence."""
        ...

    def prefill(self, part: PrefillPart) -> Row | None:
        """Compute a part of a prompt; the first row of codes if it is the last part."""
        ...

    def launch(self, parts: Sequence[DecodePart]) -> None:
        """Start one decode step of some sequences."""
        ...

    def collect(self) -> Sequence[Row]:
        """Wait for the oldest launch that has not been collected; a row for each of its parts."""
        ...

    def decode_windows(self, parts: Sequence[WindowPart]) -> Sequence[bytes | None]:
        """Turn windows into s16le samples of their middle frames, 960 a frame; None where they are no numbers."""
        ...

    def end(self, slot: int) -> None:
        """Free a slot."""
        ...
