"""What has been understood of one utterance so far: the settled part, and the part that may still change."""

from dataclasses import dataclass, field, replace

from antiphon_server.engine.protocol import HeardSegment, LeftOut, Transcript
from antiphon_server.session.events import FinalHeard, Notice, PartialHeard, Times

_MAX_NAMED = 5
"""Stretches that a notice names one by one."""
_WHYS = {"NO_SPEECH": "no speech", "UNSURE": "too unsure", "REPETITION": "words over and over"}


@dataclass(slots=True)
class UtteranceHearing:
    """One utterance's transcript in the making. Times are of the stream."""

    index: int
    start_ms: float
    engine_ms: float = 0.0
    _segments: list[HeardSegment] = field(default_factory=list)
    _left_out: list[LeftOut] = field(default_factory=list)
    _languages: list[tuple[str, float | None]] = field(default_factory=list)
    _last_partial: str = ""

    @property
    def settled(self) -> str:
        """Text that will not change."""
        return " ".join(text for text in (segment.text.strip() for segment in self._segments) if text)

    def settle(self, transcript: Transcript, start_ms: float) -> None:
        """Add a piece for good; its clock starts at ``start_ms`` of the stream."""
        self.engine_ms += transcript.engine_ms
        self._segments.extend(_moved(segment, round(start_ms)) for segment in transcript.segments)
        for one in transcript.left_out:
            moved = replace(one, start_ms=one.start_ms + round(start_ms), end_ms=one.end_ms + round(start_ms))
            self._left_out.append(moved)
        if transcript.segments:
            self._languages.append((transcript.language, transcript.language_confidence))

    def partial(self, rest: str, up_to_ms: float) -> PartialHeard | None:
        """The whole utterance so far, or None if there is nothing new to say."""
        settled = self.settled
        text = f"{settled} {rest.strip()}".strip()
        if not text or text == self._last_partial:
            return None
        agreed = _num_common(text, self._last_partial)
        self._last_partial = text
        return PartialHeard(
            text=text,
            stability=max(agreed, len(settled)) / len(text),
            up_to_ms=round(up_to_ms),
            num_settled_characters=len(settled),
            utterance_index=self.index,
        )

    def notice(self) -> Notice | None:
        """Say what was left out of the transcript and why, or None if nothing was."""
        if not self._left_out:
            return None
        named = [
            f"{each.start_ms / 1000:.1f} to {each.end_ms / 1000:.1f} s ({_WHYS[each.why]})" for each in self._left_out
        ]
        more = f" and {len(named) - _MAX_NAMED} more" if len(named) > _MAX_NAMED else ""
        message = f"left out of the transcript, or cut short: {', '.join(named[:_MAX_NAMED])}{more}"
        return Notice("WORDS_LEFT_OUT", "", message)

    def final(self, end_ms: float, times: Times) -> FinalHeard:
        """The utterance's transcript."""
        text = self.settled
        language, confidence = self._languages[0] if self._languages and text else ("", None)
        return FinalHeard(
            text=text,
            segments=tuple(self._segments),
            language=language,
            language_confidence=confidence,
            utterance_index=self.index,
            start_ms=round(self.start_ms),
            end_ms=round(end_ms),
            has_speech=bool(text),
            times=times,
        )


def _moved(segment: HeardSegment, offset_ms: int) -> HeardSegment:
    words = tuple(
        replace(word, start_ms=word.start_ms + offset_ms, end_ms=word.end_ms + offset_ms) for word in segment.words
    )
    return replace(segment, start_ms=segment.start_ms + offset_ms, end_ms=segment.end_ms + offset_ms, words=words)


def _num_common(one: str, other: str) -> int:
    """Characters two texts have in common at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
