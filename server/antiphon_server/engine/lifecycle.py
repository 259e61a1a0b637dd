"""What a sequence goes through: it waits, gets a place, is prefilled, goes on or is held, and ends exactly once.

All of it happens on the step loop's thread. ``going`` and ``codec`` change when something happens to a sequence, so
that a step need not ask every sequence what it wants.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from antiphon_server.engine.codec_queue import CodecQueue
from antiphon_server.engine.figures import Figures
from antiphon_server.engine.forecast import Forecast
from antiphon_server.engine.places import Places
from antiphon_server.engine.runner import BROKEN, Row, Runner
from antiphon_server.engine.sequence import Finish, Sequence
from antiphon_server.engine.waiting import WaitingRoom
from antiphon_server.errors import EngineFailed, SpeechError


class Listener(Protocol):
    """Who hears what becomes of a sequence; called on the loop's thread, and must not wait."""

    def take_audio(self, pcm: bytes) -> None:
        """Take samples, in order."""
        ...

    def take_end(self, sequence: Sequence) -> None:
        """Take the end: ``sequence.finish`` says why."""
        ...

    def take_failure(self, error: SpeechError) -> None:
        """Take the end of a sequence that failed."""
        ...


@dataclass(slots=True)
class Lifecycle:
    """The sequences of one runner, by what they wait for."""

    runner: Runner
    clock: Callable[[], float]
    figures: Figures
    forecast: Forecast
    places: Places = field(init=False)
    waiting: WaitingRoom = field(default_factory=WaitingRoom)
    running: dict[Sequence, None] = field(default_factory=dict)
    """Those with a place, in the order they got it."""
    prefilling: Sequence | None = None
    going: dict[Sequence, None] = field(default_factory=dict)
    """Those that get a row with every launch."""
    codec: CodecQueue = field(default_factory=CodecQueue)
    next_due_at: float = inf
    """No deadline passes before this clock second."""
    _listeners: dict[Sequence, Listener] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with an empty cache."""
        self.places = Places(self.runner)

    def accept(self, sequence: Sequence, listener: Listener) -> None:
        """Let a sequence wait for a place."""
        self._listeners[sequence] = listener
        self.waiting.add(sequence)
        self._heed_deadline(sequence)

    def admit(self) -> Sequence | None:
        """Give the next sequence its place; None if nobody waits, or there is no place."""
        sequence = self.waiting.next()
        if sequence is None or not self.places.take(sequence):
            return None
        self.waiting.seat(sequence)
        self.running[sequence] = None
        self.prefilling = sequence
        sequence.seated_at = self.clock()
        self.figures.note_seated(sequence)
        self.runner.begin(sequence.part.slot, sequence.ask.draw)
        return sequence

    def begin_rows(self, sequence: Sequence) -> None:
        """Let a sequence go on behind its prompt, whose row is under way."""
        self.prefilling = None
        self.forecast.prefill_s.observe(sequence.prefill_s)
        self.figures.num_rows += 1
        sequence.is_prefilled = True
        self._resume(sequence)

    def take_row(self, sequence: Sequence, row: Row) -> None:
        """Take a row that was drawn for a sequence; it may have ended meanwhile."""
        if row == BROKEN:
            self.give_up(sequence)
        elif sequence.take_row(row) and sequence.has_place:
            self.codec.add(sequence)

    def take_window(self, sequence: Sequence, pcm: bytes | None, now: float) -> None:
        """Take what became of a window; its sequence may have ended meanwhile."""
        if not sequence.has_place:
            return
        if pcm is None:
            self.give_up(sequence)
            return
        self._emit(sequence, pcm, now)
        self.settle(sequence)

    def _emit(self, sequence: Sequence, pcm: bytes, now: float) -> None:
        """Give the next samples to who listens."""
        pcm = sequence.emit(pcm)
        if not sequence.player.has_begun:
            self.figures.first_audio_ms.observe((now - sequence.asked_at) * 1000)
        self.figures.underrun_s += sequence.player.take(len(pcm) // 2, now)
        self._listeners[sequence].take_audio(pcm)

    def settle(self, sequence: Sequence) -> None:
        """See what is to become of a sequence that was due."""
        if sequence.is_complete:
            self.end(sequence, Finish.STOP if sequence.has_said_end else sequence.ask.length_finish)
        elif sequence.is_silent:
            self.end(sequence, Finish.RUNAWAY)
        elif sequence.is_held:
            self.codec.discard(sequence)
            self.going.pop(sequence, None)
        elif sequence.is_due:
            self.codec.add(sequence)
        else:
            self.codec.discard(sequence)

    def deliver(self, sequence: Sequence, num_samples: int) -> None:
        """Note what a reader took; a sequence that it held goes on."""
        num_held = sequence.num_undelivered if sequence.is_held else 0
        sequence.num_undelivered -= num_samples
        if num_held and not sequence.is_held and sequence.has_place:
            sequence.player.excuse(num_held, self.clock())
            self._resume(sequence)

    def end(self, sequence: Sequence, finish: Finish) -> None:
        """End a sequence; one that has ended is left alone."""
        if sequence not in self._listeners:
            return
        sequence.finish = finish
        self._release(sequence)
        self.figures.count_end(finish)
        self._listeners.pop(sequence).take_end(sequence)

    def end_overdue(self, now: float) -> None:
        """End everything whose deadline has passed. Sequences are only looked at when one may have."""
        if now < self.next_due_at:
            return
        self.next_due_at = inf
        for sequence in (*self.running, *self.waiting):
            if sequence.ask.due_at is not None and now >= sequence.ask.due_at:
                self.end(sequence, Finish.DEADLINE)
            else:
                self._heed_deadline(sequence)

    def give_up(self, sequence: Sequence) -> None:
        """Fail a sequence whose figures are no numbers. Its prefix may be why, so nobody else may find that."""
        if sequence not in self._listeners:
            return
        self.places.blocks.withdraw(sequence.part.blocks)
        self._release(sequence)
        self._fail(sequence, EngineFailed("the model computed something that is no number, and gave this up"))

    def fail_all(self, error: SpeechError) -> None:
        """Fail everything that was accepted, after the runner has failed; it may fail at that again."""
        for sequence in tuple(self._listeners):
            with suppress(Exception):
                self._release(sequence)
            self._fail(sequence, error)

    def _fail(self, sequence: Sequence, error: SpeechError) -> None:
        self.figures.count_end(None)
        self._listeners.pop(sequence).take_failure(error)

    def _resume(self, sequence: Sequence) -> None:
        if sequence.needs_row:
            self.going[sequence] = None
        if sequence.is_due:
            self.codec.add(sequence)

    def _release(self, sequence: Sequence) -> None:
        if not sequence.has_place:
            self.waiting.leave(sequence)
            return
        if sequence is self.prefilling:
            self.prefilling = None
        self.codec.discard(sequence)
        self.going.pop(sequence, None)
        del self.running[sequence]
        self.waiting.vacate(sequence)
        self.forecast.stay_s.observe(self.clock() - sequence.seated_at)
        self.runner.end(self.places.give_back(sequence))

    def _heed_deadline(self, sequence: Sequence) -> None:
        if sequence.ask.due_at is not None:
            self.next_due_at = min(self.next_due_at, sequence.ask.due_at)
