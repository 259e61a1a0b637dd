"""A Runner that computes nothing: rows come from a script, samples tell which frames they stand for."""

from collections import deque
from collections.abc import Sequence

from antiphon_server.engine.runner import STOPPED, DecodePart, Draw, PrefillPart, Row, WindowPart, WindowsAtOnce

EOC = 1025
SILENT = 1000
"""Code of a frame whose samples are all zero."""
SAMPLES_PER_FRAME = 960


def speech_rows(num_frames: int) -> list[Row]:
    """Rows of a sequence that ends by itself after ``num_frames`` (8 or more)."""
    return [(row % 1000,) * 8 for row in range(num_frames)] + [(EOC,) * 8] * 7


class ScriptedRunner(WindowsAtOnce):
    """Speaks ``script[seed]``, or for ever; checks that it is driven properly."""

    def __init__(
        self, *, num_blocks: int = 64, block_size: int = 4, max_sequences: int = 4, max_lag: int = 1, script=None
    ):
        super().__init__()
        self.num_blocks, self.block_size = num_blocks, block_size
        self.max_sequences, self.max_lag = max_sequences, max_lag
        self.max_positions = min(8192, num_blocks * block_size)
        self.script: dict[int, list[Row]] = script or {}
        self.prefills: list[PrefillPart] = []
        self.batches: list[list[int]] = []
        self.begun: list[int] = []
        self._seeds: dict[int, int] = {}
        self._drawn: dict[int, int] = {}
        self._results: deque[list[Row]] = deque()

    def begin(self, slot: int, draw: Draw) -> None:
        assert 0 <= slot < self.max_sequences
        assert slot not in self._seeds, "a slot in use was given away"
        self.begun.append(draw.seed)
        self._seeds[slot], self._drawn[slot] = draw.seed, 0

    def prefill(self, part: PrefillPart) -> None:
        self._check_blocks(part.blocks, part.first + len(part.positions))
        self.prefills.append(part)
        if part.is_last:
            assert len(self._results) < self.max_lag
            self._results.append([self._draw(part.slot)])

    def launch(self, parts: Sequence[DecodePart]) -> None:
        assert len(self._results) < self.max_lag
        assert parts
        assert len({part.slot for part in parts}) == len(parts)
        for part in parts:
            self._check_blocks(part.blocks, part.length)
        self.batches.append([part.slot for part in parts])
        self._results.append([self._draw(part.slot) for part in parts])

    def collect(self) -> Sequence[Row]:
        return self._results.popleft()

    def decode_windows(self, parts: Sequence[WindowPart]) -> Sequence[bytes]:
        return [self._samples(part) for part in parts]

    def end(self, slot: int) -> None:
        del self._seeds[slot]

    @property
    def is_idle(self) -> bool:
        return not self._seeds

    def _draw(self, slot: int) -> Row:
        rows, index = self.script.get(self._seeds[slot]), self._drawn[slot]
        self._drawn[slot] += 1
        if rows is None:
            return (index % 1000,) * 8
        return rows[index] if index < len(rows) else STOPPED

    def _samples(self, part: WindowPart) -> bytes:
        num_frames = len(part.rows) - 7
        assert num_frames <= 45
        return sound_of(part.rows[part.num_left : num_frames - part.num_right])

    def _check_blocks(self, blocks: Sequence[int], num_positions: int) -> None:
        assert len(set(blocks)) == len(blocks)
        assert len(blocks) * self.block_size >= num_positions, "a position has no block"


def sound_of(rows: Sequence[Row]) -> bytes:
    """Samples of frames: loud, and their low byte is the frame's first code."""
    levels = (0 if row[0] == SILENT else 0x1000 + row[0] for row in rows)
    return b"".join(level.to_bytes(2, "little") * SAMPLES_PER_FRAME for level in levels)
