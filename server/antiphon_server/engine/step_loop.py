"""The step loop: at most one prefill, one decode step of everyone who may go on, then the codec's most urgent windows.

One thread owns it and calls ``step``. Others hand in asks, cancellations and what their readers took; those are acted
on at the next step, in order. Every sequence that was accepted ends exactly once.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from math import inf
from typing import Protocol

from antiphon_server.engine.blocks import BlockManager
from antiphon_server.engine.codec_queue import CodecQueue
from antiphon_server.engine.figures import Figures
from antiphon_server.engine.forecast import Crowd, Forecast
from antiphon_server.engine.places import Places
from antiphon_server.engine.runner import BROKEN, PrefillPart, Row, Runner
from antiphon_server.engine.sequence import FIRST_AUDIO_ROWS, Ask, Finish, Sequence
from antiphon_server.engine.stats import EngineStats
from antiphon_server.engine.waiting import WaitingRoom
from antiphon_server.errors import DeadlineTooShort, EngineFailed, Overloaded, SpeechError


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
    """Seconds that never go back."""
    max_waiting: int = 256
    running: dict[Sequence, None] = field(default_factory=dict)
    """Those with a place, in the order they got it."""
    waiting: WaitingRoom = field(default_factory=WaitingRoom)
    num_steps: int = 0
    _places: Places = field(init=False)
    _codec: CodecQueue = field(default_factory=CodecQueue)
    _figures: Figures = field(default_factory=Figures)
    _forecast: Forecast = field(default_factory=Forecast)
    _numbers: Iterator[int] = field(default_factory=count)
    _asks: deque[tuple[Sequence, Listener]] = field(default_factory=deque)
    _orders: deque[Callable[[], None]] = field(default_factory=deque)
    _listeners: dict[Sequence, Listener] = field(default_factory=dict)
    _prefilling: Sequence | None = None
    _going: dict[Sequence, None] = field(default_factory=dict)
    """Those that get a row with every launch."""
    _launched: deque[list[Sequence]] = field(default_factory=deque)
    _next_due_at: float = inf
    """No deadline passes before this clock second."""

    def __post_init__(self) -> None:
        """Begin with an empty cache."""
        self._places = Places(self.runner)

    # What other threads may call.

    def submit(self, ask: Ask, listener: Listener) -> Sequence:
        """Accept a sequence.

        Raises:
            ContextOverflow: If prompt and rows do not fit the model or the cache.
            Overloaded: If too many wait.
            DeadlineTooShort: If the first audio is expected after the deadline.
        """
        self._places.check_size(ask)
        if len(self.waiting) + len(self._asks) >= self.max_waiting:
            raise Overloaded(f"{self.max_waiting} sequences wait already", retry_after_s=1.0)
        sequence = Sequence(ask, next(self._numbers), self.clock(), self._places.keys_of(ask))
        self._check_deadline(sequence)
        self._asks.append((sequence, listener))
        return sequence

    def cancel(self, sequence: Sequence) -> None:
        """End a sequence at the next step; one that has ended is left alone."""
        self._orders.append(partial(self._end, sequence, Finish.CANCELLED))

    def note_delivered(self, sequence: Sequence, num_samples: int) -> None:
        """Note what a reader took."""
        self._orders.append(partial(self._deliver, sequence, num_samples))

    def stats(self) -> EngineStats:
        """Read the figures of this moment."""
        blocks = self.blocks
        return self._figures.read(
            {
                "blocks_total": blocks.num_blocks,
                "blocks_free": blocks.num_free,
                "blocks_cached": blocks.num_kept,
                "running": len(self.running),
                "waiting": len(self.waiting) + len(self._asks),
                "predicted_first_audio_ms": self._predict_ms(),
            }
        )

    # What the owner calls.

    def step(self) -> bool:
        """Do one round of work; false if there was none."""
        began_at = round_at = self.clock()
        self.num_steps += 1
        self._obey()
        self._end_overdue(began_at)
        has_prefilled = self._prefill()
        if has_prefilled:
            round_at = self.clock()
        has_launched = self._launch()
        has_collected = self._collect(must=not has_launched)
        has_decoded = self._decode_audio()
        if not (has_prefilled or has_launched or has_collected or has_decoded):
            return False
        now = self.clock()
        self._figures.num_steps += 1
        self._figures.step_ms.observe((now - began_at) * 1000)
        if has_launched:
            self._forecast.round_s.observe(now - round_at)
        return True

    @property
    def blocks(self) -> BlockManager:
        """Blocks of the cache."""
        return self._places.blocks

    @property
    def is_idle(self) -> bool:
        """Whether nothing is running, waiting or asked."""
        return not (self.running or len(self.waiting) or self._asks or self._orders or self._launched)

    def deadline_in_s(self) -> float | None:
        """Seconds after which there may be something to do although nobody asks; None: never."""
        return None if self._next_due_at == inf else max(0.0, self._next_due_at - self.clock())

    def fail_all(self, error: SpeechError) -> None:
        """End everything that was accepted with an error, after the runner has failed; it may fail at that again."""
        self._obey()
        for sequence in tuple(self._listeners):
            with suppress(Exception):
                self._release(sequence)
            self._fail(sequence, error)
        for _ in range(len(self._launched)):
            self._launched.popleft()
            with suppress(Exception):
                self.runner.collect()

    # Steps.

    def _obey(self) -> None:
        num_orders = len(self._orders)  # whoever gave one of these had asked before, so asks come first
        while self._asks:
            self._accept(*self._asks.popleft())
        for _ in range(num_orders):
            self._orders.popleft()()

    def _end_overdue(self, now: float) -> None:
        if now < self._next_due_at:
            return
        self._next_due_at = inf
        for sequence in (*self.running, *self.waiting):
            if sequence.ask.due_at is not None and now >= sequence.ask.due_at:
                self._end(sequence, Finish.DEADLINE)
            else:
                self._heed_deadline(sequence)

    def _prefill(self) -> bool:
        """Compute a part of one prompt: the whole blocks of its prefix, or the rest."""
        sequence = self._prefilling or self._admit()
        if sequence is None:
            return False
        began_at, prompt, first = self.clock(), sequence.ask.prompt, sequence.num_computed
        cut = len(sequence.keys) * self.blocks.block_size
        last = cut if first < cut else len(prompt)
        part = PrefillPart(sequence.part.slot, prompt[first:last], first, sequence.part.blocks, last == len(prompt))
        row = self.runner.prefill(part)
        sequence.num_computed = last
        took_s = self.clock() - began_at
        sequence.prefill_s += took_s
        self._figures.num_prefills += 1
        self._figures.prefill_ms.observe(took_s * 1000)
        if first < cut:
            self.blocks.publish(sequence.keys, sequence.part.blocks)
        if row is not None:
            self._begin_rows(sequence, row)
        return True

    def _launch(self) -> bool:
        """Start a row for everyone who may go on."""
        going = list(self._going)
        if not going:
            return False
        parts, spent = [], []
        for sequence in going:
            part = sequence.part
            part.length += 1
            parts.append(part)
            if part.length >= sequence.max_length:
                spent.append(sequence)
        self.runner.launch(parts)
        self._launched.append(going)
        for sequence in spent:
            del self._going[sequence]
        self._figures.num_rows += len(parts)
        self._figures.batch_rows.observe(len(parts))
        return True

    def _collect(self, *, must: bool) -> bool:
        """Take the oldest launch's rows, once as many are under way as may be, or if nothing else was to be done."""
        if not self._launched or not (must or len(self._launched) >= self.runner.max_lag):
            return False
        for sequence, row in zip(self._launched.popleft(), self.runner.collect(), strict=True):
            if row == BROKEN:
                self._break(sequence)
            elif sequence.take_row(row) and sequence.part.slot >= 0:
                self._codec.add(sequence)
        return True

    def _decode_audio(self) -> bool:
        """Decode the most urgent windows; end what has all its rows and sound, a window may be due behind another."""
        chosen = self._codec.choose(len(self.running))
        planned = [(sequence, window) for sequence in chosen if (window := sequence.next_window()) is not None]
        if planned:
            began_at = self.clock()
            pcms = self.runner.decode_windows([sequence.cut(window) for sequence, window in planned])
            now = self.clock()
            self._forecast.codec_s.observe(now - began_at)
            self._figures.num_windows += len(planned)
            for (sequence, _), pcm in zip(planned, pcms, strict=True):
                if pcm is None:
                    self._break(sequence)
                else:
                    self._emit(sequence, pcm, now)
        for sequence in chosen:
            self._settle(sequence)
        return bool(chosen)

    # Acts.

    def _accept(self, sequence: Sequence, listener: Listener) -> None:
        self._listeners[sequence] = listener
        self.waiting.add(sequence)
        self._heed_deadline(sequence)

    def _admit(self) -> Sequence | None:
        sequence = self.waiting.next()
        if sequence is None or not self._places.take(sequence):
            return None
        self.waiting.seat(sequence)
        self.running[sequence] = None
        self._prefilling = sequence
        sequence.seated_at = self.clock()
        self._figures.note_seated(sequence, self.blocks.block_size)
        self.runner.begin(sequence.part.slot, sequence.ask.draw)
        return sequence

    def _begin_rows(self, sequence: Sequence, row: Row) -> None:
        self._prefilling = None
        self._forecast.prefill_s.observe(sequence.prefill_s)
        self._figures.num_rows += 1
        sequence.is_prefilled = True
        if row == BROKEN:
            self._break(sequence)
            return
        sequence.take_row(row)
        self._resume(sequence)

    def _emit(self, sequence: Sequence, pcm: bytes, now: float) -> None:
        pcm = sequence.emit(pcm)
        if not sequence.player.has_begun:
            self._figures.first_audio_ms.observe((now - sequence.asked_at) * 1000)
        self._figures.underrun_s += sequence.player.take(len(pcm) // 2, now)
        self._listeners[sequence].take_audio(pcm)

    def _settle(self, sequence: Sequence) -> None:
        """See what is to become of a sequence that had something for the codec."""
        if sequence.is_complete:
            self._end(sequence, Finish.STOP if sequence.has_said_end else sequence.ask.length_finish)
        elif sequence.is_silent:
            self._end(sequence, Finish.RUNAWAY)
        elif sequence.is_held:
            self._codec.discard(sequence)
            self._going.pop(sequence, None)
        elif not sequence.is_due:
            self._codec.discard(sequence)

    def _deliver(self, sequence: Sequence, num_samples: int) -> None:
        was_held = sequence.is_held
        sequence.num_undelivered -= num_samples
        if was_held and not sequence.is_held and sequence.part.slot >= 0:
            sequence.player.excuse(self.clock())
            self._resume(sequence)

    def _resume(self, sequence: Sequence) -> None:
        if sequence.needs_row:
            self._going[sequence] = None
        if sequence.is_due:
            self._codec.add(sequence)

    def _end(self, sequence: Sequence, finish: Finish) -> None:
        if sequence not in self._listeners:
            return
        sequence.finish = finish
        self._release(sequence)
        self._figures.count_end(finish)
        self._listeners.pop(sequence).take_end(sequence)

    def _break(self, sequence: Sequence) -> None:
        """Fail a sequence whose figures are no numbers. Its prefix may be why, so nobody else may find that."""
        if sequence not in self._listeners:
            return
        self.blocks.withdraw(sequence.part.blocks)
        self._release(sequence)
        self._fail(sequence, EngineFailed("the speech model computed something that is no number, and gave this up"))

    def _fail(self, sequence: Sequence, error: SpeechError) -> None:
        self._figures.count_end(None)
        self._listeners.pop(sequence).take_failure(error)

    def _release(self, sequence: Sequence) -> None:
        if not sequence.has_place:
            self.waiting.leave(sequence)
            return
        if sequence is self._prefilling:
            self._prefilling = None
        self._codec.discard(sequence)
        self._going.pop(sequence, None)
        del self.running[sequence]
        self.waiting.vacate(sequence)
        self._forecast.stay_s.observe(self.clock() - sequence.seated_at)
        self.runner.end(self._places.give_back(sequence))

    def _heed_deadline(self, sequence: Sequence) -> None:
        if sequence.ask.due_at is not None:
            self._next_due_at = min(self._next_due_at, sequence.ask.due_at)

    def _check_deadline(self, sequence: Sequence) -> None:
        if sequence.ask.due_at is None:
            return
        left_ms = (sequence.ask.due_at - sequence.asked_at) * 1000
        predicted_ms = self._predict_ms(sequence.num_due, sequence.ask.max_positions)
        if left_ms < predicted_ms:
            raise DeadlineTooShort(
                f"the deadline is in {max(0.0, left_ms):.0f} ms and the first audio is expected "
                f"after {predicted_ms:.0f} ms"
            )

    def _predict_ms(self, num_rows: int = FIRST_AUDIO_ROWS, num_positions: int = 1) -> float:
        num_waiting = len(self.waiting) + len(self._asks)
        crowd = Crowd(
            num_ahead=num_waiting + (self._prefilling is not None),
            num_short=self._places.count_short(num_waiting, num_positions),
            num_running=len(self.running),
        )
        return self._forecast.first_audio_ms(crowd, num_rows)
