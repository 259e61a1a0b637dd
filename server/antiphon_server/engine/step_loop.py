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

from antiphon_server.engine.blocks import BlockManager
from antiphon_server.engine.figures import Figures
from antiphon_server.engine.forecast import Crowd, Forecast
from antiphon_server.engine.lifecycle import Lifecycle, Listener
from antiphon_server.engine.runner import PrefillPart, Runner
from antiphon_server.engine.sequence import FIRST_AUDIO_ROWS, Ask, Finish, Sequence
from antiphon_server.engine.stats import EngineStats
from antiphon_server.errors import DeadlineTooShort, Overloaded, SpeechError


@dataclass(slots=True)
class StepLoop:
    """All sequences of one runner."""

    runner: Runner
    clock: Callable[[], float]
    """Seconds that never go back."""
    max_waiting: int = 256
    kind: type[Sequence] = Sequence
    """What the runner writes."""
    num_steps: int = 0
    _figures: Figures = field(default_factory=Figures)
    _forecast: Forecast = field(default_factory=Forecast)
    _life: Lifecycle = field(init=False)
    _numbers: Iterator[int] = field(default_factory=count)
    _asks: deque[tuple[Sequence, Listener]] = field(default_factory=deque)
    _orders: deque[Callable[[], None]] = field(default_factory=deque)
    _launched: deque[list[Sequence]] = field(default_factory=deque)
    _decoding: deque[list[Sequence]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        """Begin with nobody."""
        self._life = Lifecycle(self.runner, self.clock, self._figures, self._forecast)

    # What other threads may call.

    def submit(self, ask: Ask, listener: Listener) -> Sequence:
        """Accept a sequence.

        Raises:
            ContextOverflow: If prompt and rows do not fit the model or the cache.
            Overloaded: If too many wait.
            DeadlineTooShort: If the first of the answer is expected after the deadline.
        """
        places = self._life.places
        places.check_size(ask)
        if self.num_waiting >= self.max_waiting:
            raise Overloaded(f"{self.max_waiting} sequences wait already", retry_after_s=1.0)
        sequence = self.kind(ask, next(self._numbers), self.clock(), places.keys_of(ask))
        self._check_deadline(sequence)
        self._asks.append((sequence, listener))
        return sequence

    def cancel(self, sequence: Sequence) -> None:
        """End a sequence at the next step; one that has ended is left alone."""
        self._orders.append(partial(self._life.end, sequence, Finish.CANCELLED))

    def note_delivered(self, sequence: Sequence, num_samples: int) -> None:
        """Note what a reader took."""
        self._orders.append(partial(self._life.deliver, sequence, num_samples))

    def stats(self) -> EngineStats:
        """Read the figures of this moment."""
        return self._figures.read(
            {
                "blocks_held": self.blocks.num_held,
                "blocks_free": self.blocks.num_free,
                "blocks_cached": self.blocks.num_kept,
                "running": self.num_running,
                "waiting": self.num_waiting,
                "predicted_first_audio_ms": self.predict_first_audio_ms(),
            }
        )

    def predict_first_audio_ms(self, num_rows: int = FIRST_AUDIO_ROWS, num_positions: int = 1) -> float:
        """Predict how long the first audio of a new sequence takes; 0 before anything was measured."""
        num_waiting = self.num_waiting
        num_short = self._life.places.count_short(num_waiting, num_positions)
        crowd = Crowd(
            num_ahead=num_waiting + (self._life.prefilling is not None),
            num_short=num_short,
            num_beside=self.num_running + num_waiting - max(0, num_short - 1),
        )
        return self._forecast.first_audio_ms(crowd, num_rows)

    @property
    def blocks(self) -> BlockManager:
        """Blocks of the cache."""
        return self._life.places.blocks

    @property
    def num_running(self) -> int:
        """Sequences that have a place."""
        return len(self._life.running)

    @property
    def num_waiting(self) -> int:
        """Sequences that have none yet."""
        return len(self._life.waiting) + len(self._asks)

    # What the owner calls.

    def step(self) -> bool:
        """Do one round of work; false if there was none."""
        self.num_steps += 1
        began_at = rows_at = self.clock()
        self._obey()
        self._life.end_overdue(began_at)
        has_prefilled = self._prefill()
        if has_prefilled:
            self._collect(must=False)
            rows_at = self.clock()
        num_rows = self._launch()
        has_collected = self._collect(must=not num_rows)
        codec_at = self.clock()
        has_decoded = self._decode_audio()
        has_worked = has_prefilled or num_rows or has_collected or has_decoded
        if not (self._take_audio(must=not has_worked) or has_worked):
            return False
        now = self.clock()
        self._figures.count_step(now - began_at)
        if num_rows:
            self._forecast.observe_round(codec_at - rows_at, now - codec_at if has_decoded else 0.0, num_rows)
        return True

    @property
    def is_idle(self) -> bool:
        """Whether nothing is running, waiting or asked."""
        return not (self.num_running or self.num_waiting or self._orders or self._launched or self._decoding)

    def deadline_in_s(self) -> float | None:
        """Seconds after which there may be something to do although nobody asks; None: never."""
        due_at = self._life.next_due_at
        return None if due_at == inf else max(0.0, due_at - self.clock())

    def fail_all(self, error: SpeechError) -> None:
        """End everything that was accepted with an error, after the runner has failed."""
        while self._asks or self._orders:
            with suppress(Exception):  # it may fail at freeing the place of one that was cancelled
                self._obey()
        self._life.fail_all(error)
        for _ in range(len(self._launched)):  # what it still has under way is nobody's
            self._launched.popleft()
            with suppress(Exception):
                self.runner.collect()
        for _ in range(len(self._decoding)):
            self._decoding.popleft()
            with suppress(Exception):
                self.runner.collect_windows(must=True)

    # Steps.

    def _obey(self) -> None:
        num_orders = len(self._orders)  # whoever gave one of these had asked before, so asks come first
        while self._asks:
            self._life.accept(*self._asks.popleft())
        for _ in range(num_orders):
            self._orders.popleft()()

    def _prefill(self) -> bool:
        """Compute a part of one prompt: the whole blocks of its prefix, or what is behind, up to a cut."""
        sequence = self._life.prefilling or self._life.admit()
        if sequence is None:
            return False
        began_at, prompt, first = self.clock(), sequence.ask.prompt, sequence.num_computed
        last = sequence.next_part()
        part = PrefillPart(sequence.part.slot, prompt[first:last], first, sequence.part.blocks, last == len(prompt))
        self.runner.prefill(part)
        sequence.num_computed = last
        sequence.prefill_s += (took_s := self.clock() - began_at)
        self._figures.count_prefill(took_s)
        if first < sequence.num_shared:
            self.blocks.publish(sequence.keys, sequence.part.blocks)
        if part.is_last:
            self._launched.append([sequence])
            self._life.begin_rows(sequence)
        return True

    def _launch(self) -> int:
        """Start a row for everyone who may go on; how many they are."""
        going, parts = list(self._life.going), []
        for sequence in going:
            parts.append(part := sequence.part)
            part.length += 1
            if part.length >= sequence.max_length:
                del self._life.going[sequence]
        if parts:
            self.runner.launch(parts)
            self._launched.append(going)
            self._figures.count_rows(len(parts))
        return len(parts)

    def _collect(self, *, must: bool) -> bool:
        """Take the oldest launch's rows, if as many are under way as may be, or nothing else keeps the runner busy."""
        if not self._launched or not (must or len(self._launched) >= self.runner.max_lag):
            return False
        for sequence, row in zip(self._launched.popleft(), self.runner.collect(), strict=True):
            self._life.take_row(sequence, row)
        return True

    def _decode_audio(self) -> bool:
        """Give the most urgent windows to the codec; end what has all its rows and sound."""
        chosen = self._life.codec.choose(self.num_running)
        planned = [(sequence, window) for sequence in chosen if (window := sequence.next_window()) is not None]
        if planned:
            self.runner.launch_windows([sequence.cut(window) for sequence, window in planned])
            self._figures.num_windows += len(planned)
            self._decoding.append([sequence for sequence, _ in planned])
        for sequence in chosen:
            self._life.settle(sequence)
        return bool(chosen)

    def _take_audio(self, *, must: bool) -> bool:
        """Pass on the samples that are ready; wait for some if there is nothing else to do."""
        has_taken = False
        while self._decoding and (pcms := self.runner.collect_windows(must=must and not has_taken)) is not None:
            has_taken, now = True, self.clock()
            for sequence, pcm in zip(self._decoding.popleft(), pcms, strict=True):
                self._life.take_window(sequence, pcm, now)
        return has_taken

    def _check_deadline(self, sequence: Sequence) -> None:
        if sequence.ask.due_at is None:
            return
        left_ms = (sequence.ask.due_at - sequence.asked_at) * 1000
        predicted_ms = self.predict_first_audio_ms(sequence.num_opening, sequence.ask.max_positions)
        if left_ms < predicted_ms:
            raise DeadlineTooShort(
                f"the deadline is in {max(0.0, left_ms):.0f} ms and the first of the answer is expected "
                f"after {predicted_ms:.0f} ms"
            )
