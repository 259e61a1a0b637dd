"""What a step loop has done since it began, counted cheaply enough to be counted every step."""

from bisect import bisect_left
from collections.abc import Mapping

from antiphon_server.engine.sequence import Finish, Sequence
from antiphon_server.engine.stats import Distribution, EngineStats

_STEP_MS = (0.25, 0.5, 1, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 50, 100, 250, 1000)
_WAIT_MS = (5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 2000, 5000, 10_000)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """A distribution that grows. One thread observes; any may read."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """Begin with no observation; ``bounds`` are the upper ends of the ranges, rising."""
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        """Count a figure."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def read(self) -> Distribution:
        """Copy the counts of this moment."""
        return Distribution(self._bounds, tuple(self._counts), self._total)


class Figures:
    """All that is counted. One thread counts; any may read, and sees no figure half written."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.step_ms = Histogram(_STEP_MS)
        self.batch_rows = Histogram(_ROWS)
        self.prefill_ms = Histogram(_STEP_MS)
        self.queue_ms = Histogram(_WAIT_MS)
        self.first_audio_ms = Histogram(_WAIT_MS)
        self.num_steps = 0
        self.num_prefills = 0
        self.num_rows = 0
        self.num_windows = 0
        self.num_prefix_positions = 0
        self.num_prefix_hits = 0
        self.underrun_s = 0.0
        self._num_ended = dict.fromkeys((*(finish.value.lower() for finish in Finish), "failed"), 0)

    def count_step(self, took_s: float) -> None:
        """Count a step that did work."""
        self.num_steps += 1
        self.step_ms.observe(took_s * 1000)

    def count_prefill(self, took_s: float) -> None:
        """Count one call of the runner for a prompt."""
        self.num_prefills += 1
        self.prefill_ms.observe(took_s * 1000)

    def count_rows(self, num_rows: int) -> None:
        """Count one launch."""
        self.num_rows += num_rows
        self.batch_rows.observe(num_rows)

    def note_seated(self, sequence: Sequence) -> None:
        """Note that a sequence got its place, and what of its prefix it found cached."""
        self.queue_ms.observe((sequence.seated_at - sequence.asked_at) * 1000)
        self.num_prefix_positions += sequence.num_shared
        self.num_prefix_hits += sequence.num_computed

    def count_end(self, finish: Finish | None) -> None:
        """Count a sequence that ended; None: it failed."""
        self._num_ended["failed" if finish is None else finish.value.lower()] += 1

    def read(self, gauges: Mapping[str, float]) -> EngineStats:
        """Copy the figures of this moment, with gauges that the caller has read."""
        return EngineStats(
            counters={
                "steps": self.num_steps,
                "prefills": self.num_prefills,
                "rows": self.num_rows,
                "codec_windows": self.num_windows,
                "prefix_positions": self.num_prefix_positions,
                "prefix_hit_positions": self.num_prefix_hits,
                "underrun_seconds": self.underrun_s,
                **{f"sequences_{name}": number for name, number in self._num_ended.items()},
            },
            gauges=gauges,
            distributions={
                "step_ms": self.step_ms.read(),
                "batch_rows": self.batch_rows.read(),
                "prefill_ms": self.prefill_ms.read(),
                "queue_ms": self.queue_ms.read(),
                "first_audio_ms": self.first_audio_ms.read(),
            },
        )
