"""One generation: its prompt, the rows so far, and where its sound has got to."""

from collections import abc
from dataclasses import dataclass, field
from enum import StrEnum

from antiphon_server.engine.codec_plan import RAMP, Window, frames_due, next_window
from antiphon_server.engine.player import Player
from antiphon_server.engine.runner import SAMPLES_PER_FRAME, STOPPED, DecodePart, Draw, Position, Row, WindowPart
from antiphon_server.engine.silence import MAX_SILENT_FRAMES, keep_until_silent

EOC = 1025
_NUM_BEHIND = 7
_NUM_OPENING_ROWS = 8  # an EOC in them does not count
FIRST_AUDIO_ROWS = frames_due(0) + _NUM_BEHIND
MAX_UNDELIVERED_SAMPLES = 48_000
"""Two seconds that a reader has not taken; a sequence beyond them waits."""


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

    prompt: abc.Sequence[Position]
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
    max_silent_frames: int | None = MAX_SILENT_FRAMES
    """Near-silent frames in a row at which the speech ends as RUNAWAY; None: it goes on."""
    cuts: abc.Sequence[int] = ()
    """Positions, ascending, at which a long prompt is computed in parts; besides the end of what is shared."""
    stop_ids: frozenset[int] = frozenset()
    """Text ids that end a text; none of them is part of it."""

    @property
    def max_positions(self) -> int:
        """Positions of prompt and answer; the last row is never an input."""
        return len(self.prompt) + self.max_rows - 1


@dataclass(slots=True, eq=False)
class Sequence:
    """State of one generation between steps."""

    ask: Ask
    number: int = 0
    """Order of asking."""
    asked_at: float = 0.0
    """Clock second."""
    keys: abc.Sequence[bytes] = ()
    """Of the whole blocks of the prefix."""
    num_shared: int = 0
    """Positions in those blocks; known with its place."""
    part: DecodePart = field(init=False)
    """What the runner sees of it: its place, and the positions that are computed or under way."""
    seated_at: float = 0.0
    """Clock second at which it got its place."""
    num_computed: int = 0
    """Positions of the prompt that are in the cache."""
    prefill_s: float = 0.0
    """What its prefills have taken so far."""
    is_prefilled: bool = False
    """Whether the first row has been drawn."""
    rows: list[Row] = field(default_factory=list)
    num_needed: int = field(init=False)
    """Rows until the end, as far as it is known."""
    max_length: int = field(init=False)
    """Positions with which the last of them is drawn."""
    num_due: int = field(init=False)
    """Rows with which there is something for the codec, or nothing more to wait for."""
    has_said_end: bool = False
    """Whether it ends by itself, with all its frames."""
    finish: Finish | None = None
    num_emitted: int = 0
    """Frames whose samples have gone out."""
    num_silent: int = 0
    """Near-silent ones at the end of them."""
    num_undelivered: int = 0
    """Samples that have gone out and that the reader has not taken."""
    player: Player = field(default_factory=Player)
    is_decoding: bool = False
    """Whether a window of it is with the codec."""

    def __post_init__(self) -> None:
        """Begin without a place."""
        self.part = DecodePart(-1, len(self.ask.prompt), [])
        self._need(self.ask.max_rows)

    @property
    def has_place(self) -> bool:
        """Whether it has a slot and blocks."""
        return self.part.slot >= 0

    @property
    def has_all_rows(self) -> bool:
        """Whether no more rows are needed."""
        return len(self.rows) >= self.num_needed

    @property
    def needs_row(self) -> bool:
        """Whether another row may be launched; one may turn out to be too many."""
        return self.is_prefilled and self.part.length < self.max_length

    @property
    def is_due(self) -> bool:
        """Whether there is something for the codec, or nothing more to wait for."""
        return len(self.rows) >= self.num_due

    @property
    def is_held(self) -> bool:
        """Whether the reader has too much that it has not taken."""
        return self.num_undelivered > MAX_UNDELIVERED_SAMPLES

    @property
    def is_silent(self) -> bool:
        """Whether it has been near-silent for too long."""
        return self.num_silent == self.ask.max_silent_frames

    @property
    def is_complete(self) -> bool:
        """Whether all its rows are here and all their sound has gone out."""
        return self.has_all_rows and self.num_emitted >= self.num_frames

    @property
    def num_frames(self) -> int:
        """Frames that are complete: a frame needs the seven rows after its first code."""
        return max(0, len(self.rows) - _NUM_BEHIND)

    @property
    def num_opening(self) -> int:
        """Rows until the first of it can be given to who asked."""
        return self.num_due

    def next_part(self) -> int:
        """Say where the part of the prompt that is computed next ends: the shared blocks, a cut, or the end."""
        if self.num_computed < self.num_shared:
            return self.num_shared
        return next((cut for cut in self.ask.cuts if cut > self.num_computed), len(self.ask.prompt))

    def take_row(self, row: Row) -> bool:
        """Note a drawn row; a stopped one, and one that is not needed, are dropped. Whether the sequence is due."""
        rows = self.rows
        if len(rows) < self.num_needed and row != STOPPED:
            if row[0] == EOC and not self.has_said_end and len(rows) >= _NUM_OPENING_ROWS:
                self._note_end(len(rows) + _NUM_BEHIND)
            rows.append(row)
        return len(rows) >= self.num_due

    def next_window(self) -> Window | None:
        """Choose what the codec can decode now."""
        return next_window(self.num_emitted, self.num_frames, is_ended=self.has_all_rows, ramp=self.ask.ramp)

    def cut(self, window: Window) -> WindowPart:
        """Cut the window's rows out; the next window is not due before its samples are here."""
        self.is_decoding = True
        self.num_due = self._rows_due()
        rows = self.rows[window.first : window.last + _NUM_BEHIND]
        return WindowPart(rows, window.begin - window.first, window.last - window.end)

    def emit(self, pcm: bytes) -> bytes:
        """Note the next samples as gone out; those of them that do go out before it has been silent for too long."""
        num_frames, limit = len(pcm) // 2 // SAMPLES_PER_FRAME, self.ask.max_silent_frames
        if limit is not None:
            num_frames, self.num_silent = keep_until_silent(pcm, self.num_silent, limit)
            pcm = pcm[: 2 * num_frames * SAMPLES_PER_FRAME]
        self.num_emitted += num_frames
        self.num_undelivered += num_frames * SAMPLES_PER_FRAME
        self.is_decoding = False
        self.num_due = self._rows_due()
        return pcm

    def _note_end(self, num_rows: int) -> None:
        """Need no more rows than these; where the cap comes first it cuts frames off, and is what ended the speech."""
        if num_rows <= self.num_needed:
            self.has_said_end = True
            self._need(num_rows)

    def _need(self, num_rows: int) -> None:
        self.num_needed = num_rows
        self.max_length = len(self.ask.prompt) + num_rows - 1
        self.num_due = self._rows_due()

    def _rows_due(self) -> int:
        if self.is_decoding:
            return self.ask.max_rows + 1  # never
        return min(frames_due(self.num_emitted, self.ask.ramp) + _NUM_BEHIND, self.num_needed)
