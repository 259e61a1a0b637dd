"""What the step loop asks of whatever computes: torch on a CPU, graphs on a GPU, a script in a test."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Row = tuple[int, ...]
"""What one step writes: eight codes, delayed, all -1 after the end; or a text id and, in thousandths, its log
probability."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A chunk of sound in a prompt. It stands there once for each position that it takes."""

    pcm: bytes
    """16 000 Hz, s16le."""


Position = int | Row | Heard
"""Of a prompt: a text id, a row of codes where a voice is heard, or a part of a chunk of sound."""

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
    positions: Sequence[Position]
    """A chunk of sound is whole in one part."""
    first: int
    """Index of the first of them; everything before is in the cache."""
    blocks: Sequence[int]
    is_last: bool
    """Whether the first row is drawn behind them."""


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
    max_positions: int
    """Of one sequence: what the model reads at most, or the cache holds."""
    max_lag: int
    """Launches that may be under way before the oldest has to be collected; 1 where everything is done at once."""

    def begin(self, slot: int, draw: Draw) -> None:
        """Prepare a slot for a new sequence."""
        ...

    def prefill(self, part: PrefillPart) -> None:
        """Compute a part of a prompt. The last part counts as a launch of one sequence: its first row is collected."""
        ...

    def launch(self, parts: Sequence[DecodePart]) -> None:
        """Start one decode step of some sequences."""
        ...

    def collect(self) -> Sequence[Row]:
        """Wait for the oldest launch that has not been collected; a row for each of its parts."""
        ...

    def launch_windows(self, parts: Sequence[WindowPart]) -> None:
        """Start to turn windows into samples, beside the launches."""
        ...

    def collect_windows(self, *, must: bool) -> Sequence[bytes | None] | None:
        """Give what became of the oldest windows that were launched together and have not been collected.

        Returns:
            Of each, s16le samples of its middle frames, 960 a frame, or None where they are no numbers. Without any of
            that: None, if they are not ready, unless they ``must`` be waited for.
        """
        ...

    def end(self, slot: int) -> None:
        """Free a slot."""
        ...


class NoWindows:
    """The codec's half of a Runner that writes text: there is nothing to decode."""

    def launch_windows(self, parts: Sequence[WindowPart]) -> None:
        """See ``Runner``.

        Raises:
            ValueError: Always: no sequence of text has windows.
        """
        raise ValueError(f"{len(parts)} windows of codes were given to a model that writes text")

    def collect_windows(self, *, must: bool) -> Sequence[bytes | None] | None:
        """See ``Runner``."""
        del must
        return None


class WindowsAtOnce(ABC):
    """The codec's half of a Runner that decodes when it is asked to."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._decoded: deque[Sequence[bytes | None]] = deque()

    @abstractmethod
    def decode_windows(self, parts: Sequence[WindowPart]) -> Sequence[bytes | None]:
        """Decode; the result is as in ``Runner.collect_windows``."""

    def launch_windows(self, parts: Sequence[WindowPart]) -> None:
        """See ``Runner``."""
        self._decoded.append(self.decode_windows(parts))

    def collect_windows(self, *, must: bool) -> Sequence[bytes | None] | None:
        """See ``Runner``."""
        del must
        return self._decoded.popleft() if self._decoded else None
