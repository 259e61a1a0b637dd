"""How soon a new sequence would be heard, from what prefills, rounds and the codec have taken lately."""

from dataclasses import dataclass, field

_WEIGHT = 0.1
"""Share of the newest figure in a running mean."""


@dataclass(slots=True)
class RunningMean:
    """Follows a figure; 0 until there is one."""

    value: float = 0.0
    _is_known: bool = False

    def observe(self, value: float) -> None:
        """Learn."""
        self.value += (_WEIGHT if self._is_known else 1.0) * (value - self.value)
        self._is_known = True


@dataclass(frozen=True, slots=True)
class Crowd:
    """What a new sequence finds."""

    num_ahead: int
    """Sequences that are prefilled before it."""
    num_short: int
    """Sequences that have to end before it gets a place."""
    num_running: int


@dataclass(slots=True)
class Forecast:
    """Predicts first audio. Figures in seconds; the loop's thread observes, any thread predicts."""

    prefill_s: RunningMean = field(default_factory=RunningMean)
    """All prefills of one sequence."""
    round_s: RunningMean = field(default_factory=RunningMean)
    """A step without its prefill: one row for everyone, and the codec's windows."""
    codec_s: RunningMean = field(default_factory=RunningMean)
    """One call of the codec."""
    stay_s: RunningMean = field(default_factory=RunningMean)
    """From getting a place to giving it back."""

    def first_audio_ms(self, crowd: Crowd, num_rows: int) -> float:
        """Predict how long the first audio of a sequence takes that needs ``num_rows`` rows for it.

        Places come free one ``num_running``-th of a stay apart. Prefills stand one between two rounds. What was never
        measured counts as nothing, so a loop that has done nothing refuses nobody.
        """
        place_s = crowd.num_short * self.stay_s.value / max(1, crowd.num_running)
        prefill_s = (crowd.num_ahead + 1) * self.prefill_s.value + crowd.num_ahead * self.round_s.value
        return (place_s + prefill_s + (num_rows - 1) * self.round_s.value + self.codec_s.value) * 1000
