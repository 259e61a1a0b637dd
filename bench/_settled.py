"""What partials and finals of one utterance promised, kept and took: plain arithmetic on what came when."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Partial:
    """A transcript that may still change."""

    at_ms: float
    """When it came, on the clock of the stream's audio."""
    text: str
    num_settled: int
    """Leading characters that were said not to change."""
    interval_ms: int
    """Time since the one before it, as the server says."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of the final."""

    text: str
    end_ms: float


@dataclass(slots=True)
class Utterance:
    """All that came of one utterance."""

    partials: list[Partial] = field(default_factory=list)
    text: str = ""
    words: list[TimedWord] = field(default_factory=list)
    final_at_ms: float = 0.0
    end_ms: float = 0.0
    """Where it was cut, on the clock of the stream's audio."""


def num_broken(utterance: Utterance) -> int:
    """How often settled text was changed or taken back, by a partial or by the final."""
    settled, broken = "", 0
    for partial in utterance.partials:
        now = partial.text[: partial.num_settled]
        broken += not now.startswith(settled)
        settled = now
    return broken + (not utterance.text.startswith(settled))


def settled_after_ms(utterance: Utterance) -> list[tuple[float, bool]]:
    """For each timed word of the final: time from its end until it was settled, and whether a partial settled it."""
    found: list[tuple[float, bool]] = []
    at = 0
    for word in utterance.words:
        begin = utterance.text.find(word.text, at)
        if begin < 0:
            continue
        at = begin + len(word.text)
        settling = [each.at_ms for each in utterance.partials if each.num_settled >= at]
        found.append((min([*settling, utterance.final_at_ms]) - word.end_ms, bool(settling)))
    return found


def voice_end_ms(loud_ms: Sequence[float], before_ms: float) -> float | None:
    """End of the last loud frame before a moment, or None if there is none."""
    return max((end_ms for end_ms in loud_ms if end_ms <= before_ms), default=None)
