"""Which words of an utterance lie before a sample: the text side of a cancellation receipt."""

from dataclasses import dataclass, field

_CHARACTERS_PER_S = 15.0
"""English read aloud; only used for a first segment that was cut before its end was known."""


@dataclass(slots=True)
class _Span:
    text: str
    start_sample: int
    end_sample: int | None = None


@dataclass(slots=True)
class SpokenText:
    """Text spans with their samples, in order."""

    rate_hz: int
    _spans: list[_Span] = field(default_factory=list)

    def begin(self, text: str, sample: int) -> None:
        """A segment's sound starts at ``sample``."""
        self._spans.append(_Span(text, sample))

    def end(self, sample: int) -> None:
        """The last segment's sound ended before ``sample``."""
        self._spans[-1].end_sample = sample

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(span.text for span in self._spans if span.text)

    def until(self, sample: int) -> str:
        """Text heard by ``sample``, cut before the word that was not finished."""
        return " ".join(part for part in (self._heard(span, sample) for span in self._spans) if part)

    def _heard(self, span: _Span, sample: int) -> str:
        end = span.end_sample if span.end_sample is not None else span.start_sample + self._guess(span.text)
        if sample >= end:
            return span.text
        if sample <= span.start_sample:
            return ""
        fraction = (sample - span.start_sample) / (end - span.start_sample)
        return span.text[: int(fraction * len(span.text)) + 1].rpartition(" ")[0]

    def _guess(self, text: str) -> int:
        known = [span for span in self._spans if span.end_sample is not None and span.text]
        characters = sum(len(span.text) for span in known)
        samples = sum((span.end_sample or 0) - span.start_sample for span in known)
        per_character = samples / characters if samples else self.rate_hz / _CHARACTERS_PER_S
        return max(1, int(len(text) * per_character))
