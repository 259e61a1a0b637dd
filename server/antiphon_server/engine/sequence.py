"""One generation: its prompt, the rows so far, and where its sound has got to."""

from collections import abc
from dataclasses import dataclass, field
from enum import StrEnum

from antiphon_server.engine.codec_plan import RAMP, Window, frames_due, next_window
from antiphon_server.engine.runner import STOPPED, Draw, Row, WindowPart

EOC = 1025
_NUM_BEHIND = 7
_NUM_OPENING_ROWS = 8  # an EOC in them does not count


class Finish(StrEnum):
    """Why a sequence ended; the contract's words."""

    STOP = "STOP"
    LENGTH = "LENGTH"
    RUNAWAY = "RUNAWAY"
    CANCELLED = "CANCELLED"
    DEADLINE = "DEADLINE"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of the engine."""

    prompt: abc.Sequence[int | Row]
    num_prefix: int
    """Positions at the front that others may share."""
    draw: Draw
    max_rows: int
    """Most rows to generate."""
    length_finish: Finish = Finish.LENGTH
    """What reaching ``max_rows`` is called: RUNAWAY where the cap came from the length of the text."""
    caller: abc.Hashable = ""
    """Who asks; callers take turns."""
    ramp: abc.Sequence[int] = RAMP
    due_at: float | None = None
    """Clock second after which the result is worthless."""

    @property
    def max_positions(self) -> int:
        """Positions of prompt and speech; the last row is never an input."""
        return len(self.prompt) + self.max_rows - 1


@dataclass(slots=True, eq=False)
class Sequence:
    """State of one generation between steps."""

    ask: Ask
    slot: int = -1
    blocks: list[int] = field(default_factory=list)
    num_computed: int = 0
    """Positions of the prompt that are in the cache."""
    num_drawn: int = 0
    """Rows drawn or under way."""
    rows: list[Row] = field(default_factory=list)
    num_needed: int = field(init=False)
    """Rows until the end, as far as it is known."""
    has_said_end: bool = False
    finish: Finish | None = None
    num_emitted: int = 0
    """Frames whose samples have gone out."""
    num_undelivered: int = 0
    """Samples that have gone out and that the reader has not taken."""
    _num_due: int = field(init=False)
    """Rows with which the next window can be decoded, unless the end comes first."""

    def __post_init__(self) -> None:
        self.num_needed = self.ask.max_rows
        self._num_due = self._rows_due()

    @property
    def is_prefilled(self) -> bool:
        """Whether the first row has been drawn."""
        return self.num_drawn > 0

    @property
    def has_all_rows(self) -> bool:
        """Whether no more rows are needed."""
        return len(self.rows) >= self.num_needed

    @property
    def needs_row(self) -> bool:
        """Whether another row may be launched; one may turn out to be too many."""
        return 0 < self.num_drawn < self.num_needed

    @property
    def is_due(self) -> bool:
        """Whether there is something for the codec, or nothing more to wait for."""
        return len(self.rows) >= min(self._num_due, self.num_needed)

    @property
    def num_frames(self) -> int:
        """Frames that are complete: a frame needs the seven rows after its first code."""
        return max(0, len(self.rows) - _NUM_BEHIND)

    def take_row(self, row: Row) -> None:
        """Note a drawn row; a stopped one, and one that is not needed, are dropped."""
        if row == STOPPED or self.has_all_rows:
            return
        if row[0] == EOC and not self.has_said_end and len(self.rows) >= _NUM_OPENING_ROWS:
            self.has_said_end = True
            self.num_needed = min(self.num_needed, len(self.rows) + _NUM_BEHIND)
        self.rows.append(row)

    def next_window(self) -> Window | None:
        """Choose what the codec can decode now."""
        return next_window(self.num_emitted, self.num_frames, is_ended=self.has_all_rows, ramp=self.ask.ramp)

    def cut(self, window: Window) -> WindowPart:
        """Cut the window's rows out."""
        rows = self.rows[window.first : window.last + _NUM_BEHIND]
        return WindowPart(rows, window.begin - window.first, window.last - window.end)

    def note_emitted(self, window: Window, num_samples: int) -> None:
        """Note that a window's sound has gone out."""
        self.num_emitted = window.end
        self.num_undelivered += num_samples
        self._num_due = self._rows_due()

    def _rows_due(self) -> int:
        return frames_due(self.num_emitted, self.ask.ramp) + _NUM_BEHIND
