"""How soon a new sequence would be heard, from what prefills, rounds and the codec have taken lately."""

from dataclasses import dataclass, field
from functools import partial

_WEIGHT = 0.1
_WEIGHT_OF_RARE = 0.02
"""Where most figures are 0 and a few are large."""


@dataclass(slots=True)
class RunningMean:
    """Follows a figure; 0 until there is one."""

    weight: float = _WEIGHT
    """Share of the newest figure."""
    value: float = 0.0
    _is_known: bool = False

    def observe(self, value: float) -> None:
        """Learn."""
        self.value += (self.weight if self._is_known else 1.0) * (value - self.value)
        self._is_known = True


@dataclass(frozen=True, slots=True)
class Crowd:
    """What a new sequence finds."""

    num_ahead: int
    """Sequences that are prefilled before it."""
    num_short: int
    """Sequences that have to end before it gets a place."""
    num_beside: int
    """Sequences that have a place, or get one before it."""


@dataclass(slots=True)
class Forecast:
    """Predicts first audio. Figures in seconds; the loop's thread observes, any thread predicts."""

    prefill_s: RunningMean = field(default_factory=RunningMean)
    """All prefills of one sequence."""
    row_s: RunningMean = field(default_factory=RunningMean)
    """One row for everyone: a step without its prefill and its windows."""
    codec_share_s: RunningMean = field(default_factory=partial(RunningMean, _WEIGHT_OF_RARE))
    """What the codec adds to a step for each sequence that got a row."""
    codec_s: RunningMean = field(default_factory=RunningMean)
    """One call of the codec."""
    stay_s: RunningMean = field(default_factory=RunningMean)
    """From getting a place to giving it back."""

    def observe_round(self, row_s: float, codec_s: float, num_rows: int) -> None:
        """Learn from a step that launched rows."""
        self.row_s.observe(row_s)
        self.codec_share_s.observe(codec_s / num_rows)
        if codec_s:
            self.codec_s.observe(codec_s)

    def first_audio_ms(self, crowd: Crowd, num_rows: int) -> float:
        """Predict how long the first audio of a sequence takes that needs ``num_rows`` rows for it.

        Places come free at even distances. Prefills stand one between two rounds. What was never measured counts as
        nothing, so a loop that has done nothing refuses nobody.
        """
        beside_s = self.codec_share_s.value * crowd.num_beside
        round_s = self.row_s.value + beside_s
        if crowd.num_short:
            wait_s = crowd.num_short * self.stay_s.value / max(1, crowd.num_beside)
        else:  # those ahead join one by one
            joining_s = self.row_s.value + beside_s - self.codec_share_s.value * crowd.num_ahead / 2
            wait_s = crowd.num_ahead * (self.prefill_s.value + joining_s)
        return (wait_s + self.prefill_s.value + (num_rows - 1) * round_s + self.codec_s.value) * 1000
