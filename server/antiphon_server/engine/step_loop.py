"""The step loop: at most one prefill, one decode step of everyone who may go on, then the codec's due windows.

One thread owns it and calls ``step``. Others hand in asks, cancellations and what their readers took; those are acted
on at the next step, in order. Every sequence that was accepted ends exactly once.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from antiphon_server.engine.blocks import BlockManager, prefix_keys
from antiphon_server.engine.runner import BROKEN, DecodePart, PrefillPart, Row, Runner
from antiphon_server.engine.sequence import Ask, Finish, Sequence
from antiphon_server.engine.waiting import WaitingRoom
from antiphon_server.errors import ContextOverflow, EngineFailed, Overloaded, SpeechError

CONTEXT_POSITIONS = 8192
MAX_UNDELIVERED_SAMPLES = 48_000
"""Two seconds that a reader has not taken; a sequence beyond them waits."""


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
class StepLoop:
    """All sequences of one runner."""

    runner: Runner
    clock: Callable[[], float]
    max_waiting: int = 256
    blocks: BlockManager = field(init=False)
    running: list[Sequence] = field(default_factory=list)
    waiting: WaitingRoom = field(default_factory=WaitingRoom)
    num_steps: int = 0
    _commands: deque[Callable[[], None]] = field(default_factory=deque)
    _launched: deque[list[Sequence]] = field(default_factory=deque)
    _listeners: dict[Sequence, Listener] = field(default_factory=dict)
    _free_slots: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with an empty cache."""
        self.blocks = BlockManager(self.runner.num_blocks, self.runner.block_size)
        self._free_slots = list(range(self.runner.max_sequences - 1, -1, -1))

    # What other threads may call.

    def submit(self, ask: Ask, listener: Listener) -> Sequence:
        """Accept a sequence.

        Raises:
            ContextOverflow: If prompt and rows do not fit the model or the cache.
            Overloaded: If too many wait.
        """
        self._check_size(ask)
        if len(self.waiting) + len(self._commands) >= self.max_waiting:
            raise Overloaded(f"{self.max_waiting} sequences wait already", retry_after_s=1.0)
        sequence = Sequence(ask)
        self._commands.append(partial(self._accept, sequence, listener))
        return sequence

    def cancel(self, sequence: Sequence) -> None:
        """End a sequence at the next step; one that has ended is left alone."""
        self._commands.append(partial(self._end, sequence, Finish.CANCELLED))

    def note_delivered(self, sequence: Sequence, num_samples: int) -> None:
        """Note what a reader took."""
        self._commands.append(partial(self._deliver, sequence, num_samples))

    # What the owner calls.

    def step(self) -> bool:
        """Do one round of work; false if there was none."""
        self.num_steps += 1
        self._obey()
        self._end_overdue()
        has_worked = self._prefill()
        has_worked |= self._launch()
        has_worked |= self._collect()
        return self._decode_audio() or has_worked

    @property
    def is_idle(self) -> bool:
        """Whether nothing is running, waiting or asked."""
        return not (self.running or len(self.waiting) or self._commands or self._launched)

    def fail_all(self, error: SpeechError) -> None:
        """End everything that was accepted with an error, after the runner has failed."""
        self._obey()
        for sequence in (*self.running, *self.waiting):
            self._release(sequence)
            self._listeners.pop(sequence).take_failure(error)
        self._launched.clear()

    # Steps.

    def _obey(self) -> None:
        while self._commands:
            self._commands.popleft()()

    def _end_overdue(self) -> None:
        now = self.clock()
        for sequence in (*self.running, *self.waiting):
            if sequence.ask.due_at is not None and now >= sequence.ask.due_at:
                self._end(sequence, Finish.DEADLINE)

    def _prefill(self) -> bool:
        sequence = next((s for s in self.running if not s.is_prefilled), None) or self._admit()
        if sequence is None:
            return False
        ask, first = sequence.ask, sequence.num_computed
        cut = self._shared_positions(ask)
        last = cut if first < cut else len(ask.prompt)
        part = PrefillPart(sequence.slot, ask.prompt[first:last], first, sequence.blocks, last == len(ask.prompt))
        row = self.runner.prefill(part)
        sequence.num_computed = last
        if first < cut:
            self.blocks.publish(prefix_keys(ask.prompt[:cut], self.blocks.block_size), sequence.blocks)
        if row is not None:
            sequence.num_drawn = 1
            self._take_row(sequence, row)
        return True

    def _launch(self) -> bool:
        if len(self._launched) >= self.runner.max_lag:
            return False
        going = [s for s in self.running if s.needs_row and s.num_undelivered <= MAX_UNDELIVERED_SAMPLES]
        if not going:
            return False
        self.runner.launch([DecodePart(s.slot, len(s.ask.prompt) + s.num_drawn, s.blocks) for s in going])
        for sequence in going:
            sequence.num_drawn += 1
        self._launched.append(going)
        return True

    def _collect(self) -> bool:
        is_full = len(self._launched) >= self.runner.max_lag
        if not self._launched or not (is_full or not any(s.needs_row for s in self.running)):
            return False
        for sequence, row in zip(self._launched.popleft(), self.runner.collect(), strict=True):
            self._take_row(sequence, row)
        return True

    def _decode_audio(self) -> bool:
        """Decode what is due, then end what has all its rows and sound; a window may be due behind another."""
        due = [sequence for sequence in self.running if sequence.is_due]
        planned = [(sequence, window) for sequence in due if (window := sequence.next_window()) is not None]
        if planned:
            pcms = self.runner.decode_windows([sequence.cut(window) for sequence, window in planned])
            for (sequence, window), pcm in zip(planned, pcms, strict=True):
                if pcm is None:
                    self._break(sequence)
                    continue
                sequence.note_emitted(window, len(pcm) // 2)
                self._listeners[sequence].take_audio(pcm)
        for sequence in due:
            if sequence.has_all_rows and sequence.next_window() is None:
                self._end(sequence, Finish.STOP if sequence.has_said_end else sequence.ask.length_finish)
        return bool(due)

    # Acts.

    def _accept(self, sequence: Sequence, listener: Listener) -> None:
        self._listeners[sequence] = listener
        self.waiting.add(sequence)

    def _admit(self) -> Sequence | None:
        """Give the next sequence a slot and all the blocks it can ever need, so that none has to be put back."""
        sequence = self.waiting.next(self.running)
        if sequence is None or not self._free_slots:
            return None
        cut = self._shared_positions(sequence.ask)
        keys = prefix_keys(sequence.ask.prompt[:cut], self.blocks.block_size)
        shared = self.blocks.find(keys)
        if len(shared) < len(keys):
            shared = []  # a prefix is computed in one call or not at all: its bits must not depend on what was cached
        blocks = self.blocks.take(self.blocks.num_needed(sequence.ask.max_positions), shared=shared)
        if blocks is None:
            return None
        self.waiting.remove(sequence)
        sequence.blocks, sequence.slot = blocks, self._free_slots.pop()
        sequence.num_computed = len(shared) * self.blocks.block_size
        self.runner.begin(sequence.slot, sequence.ask.draw)
        self.running.append(sequence)
        return sequence

    def _deliver(self, sequence: Sequence, num_samples: int) -> None:
        sequence.num_undelivered -= num_samples

    def _end(self, sequence: Sequence, finish: Finish) -> None:
        if sequence.finish is not None or sequence not in self._listeners:
            return
        sequence.finish = finish
        self._release(sequence)
        self._listeners.pop(sequence).take_end(sequence)

    def _take_row(self, sequence: Sequence, row: Row) -> None:
        if row == BROKEN:
            self._break(sequence)
        else:
            sequence.take_row(row)

    def _break(self, sequence: Sequence) -> None:
        """Fail a sequence whose figures are no numbers. Its prefix may be why, so nobody else may find that."""
        if sequence not in self._listeners:
            return
        self.blocks.withdraw(sequence.blocks)
        self._release(sequence)
        error = EngineFailed("the speech model computed something that is no number, and gave this speech up")
        self._listeners.pop(sequence).take_failure(error)

    def _release(self, sequence: Sequence) -> None:
        if sequence.slot < 0:
            self.waiting.remove(sequence)
            return
        self.running.remove(sequence)
        self.runner.end(sequence.slot)
        self._free_slots.append(sequence.slot)
        self.blocks.give_back(sequence.blocks)
        sequence.slot = -1

    def _shared_positions(self, ask: Ask) -> int:
        """Positions of the prefix that fill whole blocks; computed in a call of their own, cached or not."""
        return ask.num_prefix // self.blocks.block_size * self.blocks.block_size

    def _check_size(self, ask: Ask) -> None:
        room = min(CONTEXT_POSITIONS, self.runner.num_blocks * self.runner.block_size)
        if len(ask.prompt) + ask.max_rows > room:
            raise ContextOverflow(
                f"prompt and speech must fit {room} positions: {len(ask.prompt)} and at most {ask.max_rows} rows"
            )
