"""What a sequence has said so far, and how much of it the next segment hears of."""

import struct
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from antiphon_server.engine.runner import Row

_ROW = struct.Struct("<8H")
_NUM_SIGNS = 2  # what announces text, and what announces sound


@dataclass(frozen=True, slots=True)
class Spoken:
    """A segment that was spoken."""

    text: tuple[int, ...]
    """Its text ids."""
    rows: tuple[Row, ...]
    """Its delayed rows of codes."""

    @property
    def num_positions(self) -> int:
        """Positions it takes in a prompt."""
        return len(self.text) + len(self.rows) + _NUM_SIGNS


def heard(
    newest_first: Iterable[Spoken], *, max_positions: int, max_segments: int | None = None, max_rows: int | None = None
) -> tuple[Spoken, ...]:
    """Choose the newest segments that together stay within all limits; oldest first in the result.

    >>> told = [Spoken((1,), ((0,) * 8,) * n) for n in (3, 2, 9)]
    >>> [len(each.rows) for each in heard(told, max_positions=20)]
    [2, 3]
    """
    chosen: deque[Spoken] = deque()
    num_positions = num_rows = 0
    for each in newest_first:
        num_positions, num_rows = num_positions + each.num_positions, num_rows + len(each.rows)
        is_over = num_positions > max_positions or (max_rows is not None and num_rows > max_rows)
        if is_over or len(chosen) == max_segments:
            break
        chosen.appendleft(each)
    return tuple(chosen)


class SpokenMemory:
    """The newest segments of each sequence; of sequences, those that spoke last.

    Rows are kept as bytes: tuples of numbers take twenty times as much.
    """

    def __init__(self, max_positions: int, *, max_sequences: int = 1024, max_bytes: int = 64 * 2**20) -> None:
        """Begin empty.

        Args:
            max_positions: What of one sequence can be heard at most; older segments of it are forgotten.
            max_sequences: Sequences to remember.
            max_bytes: Text ids and rows of all of them together.
        """
        self._max_positions, self._max_sequences, self._max_bytes = max_positions, max_sequences, max_bytes
        self._kept: OrderedDict[Hashable, deque[_Packed]] = OrderedDict()
        self.num_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def remember(self, sequence: Hashable, spoken: Spoken) -> None:
        """Add what a sequence has just said."""
        packed = _Packed.of(spoken)
        segments = self._kept.setdefault(sequence, deque())
        self._kept.move_to_end(sequence)
        segments.append(packed)
        self.num_bytes += packed.num_bytes
        while sum(segment.num_positions for segment in segments) > self._max_positions:
            self.num_bytes -= segments.popleft().num_bytes
        while len(self._kept) > self._max_sequences or self.num_bytes > self._max_bytes:
            self.forget(next(iter(self._kept)))

    def recall(self, sequence: Hashable) -> Iterator[Spoken]:
        """Give a sequence's segments, the newest first; none if it is not known."""
        for packed in reversed(self._kept.get(sequence, ())):
            yield packed.unpacked()

    def forget(self, sequence: Hashable) -> None:
        """Drop a sequence; one that is not known is left alone."""
        self.num_bytes -= sum(segment.num_bytes for segment in self._kept.pop(sequence, ()))


@dataclass(frozen=True, slots=True)
class _Packed:
    text: tuple[int, ...]
    rows: bytes

    @classmethod
    def of(cls, spoken: Spoken) -> "_Packed":
        return cls(spoken.text, struct.pack(f"<{8 * len(spoken.rows)}H", *chain.from_iterable(spoken.rows)))

    @property
    def num_bytes(self) -> int:
        return len(self.rows) + 8 * len(self.text)

    @property
    def num_positions(self) -> int:
        return len(self.text) + len(self.rows) // _ROW.size + _NUM_SIGNS

    def unpacked(self) -> Spoken:
        return Spoken(self.text, tuple(_ROW.iter_unpack(self.rows)))
