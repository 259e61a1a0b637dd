"""What has been understood of one utterance so far: the settled part, and the part that may still change."""

import time
from dataclasses import dataclass, field, replace
from typing import TypeVar

from antiphon_server.engine.protocol import FiredCheck, HeardSegment, HeardWord, LeftOut, Transcript
from antiphon_server.session.events import FinalHeard, HeardPiece, Notice, PartialHeard, Times

Timed = TypeVar("Timed", HeardSegment, HeardWord, LeftOut, FiredCheck)

_MAX_NAMED = 5
"""Stretches that a notice names one by one."""
_WHYS = {
    "NO_SPEECH": "no speech",
    "UNSURE": "too unsure",
    "REPETITION": "words over and over",
    "UNFINISHED": "more words than there can be",
    "FEW_WORDS": "hardly a word of much voice",
}


@dataclass(slots=True)
class UtteranceHearing:
    """One utterance's transcript in the making. Times are of the stream."""

    index: int
    start_ms: float
    engine_ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    settled: str = ""
    """Text that will not change."""
    _segments: list[HeardSegment] = field(default_factory=list)
    _left_out: list[LeftOut] = field(default_factory=list)
    _pieces: list[HeardPiece] = field(default_factory=list)
    _language: tuple[str, float | None] = ("", None)
    _last_partial: tuple[str, int] = ("", 0)
    """Its text and how much of it was settled."""
    _told_at: float | None = None
    """Monotonic second of the last partial, or of the first voice."""

    def begin_voice(self) -> None:
        """Somebody speaks in it."""
        if self._told_at is None:
            self._told_at = time.monotonic()

    def settle(
        self, transcript: Transcript, start_ms: float, end_ms: float, end: str, *, is_partial: bool = False
    ) -> None:
        """Add a piece for good.

        Args:
            transcript: What was said in it.
            start_ms: Where its clock starts in the stream.
            end_ms: Where its audio ends in the stream.
            end: Why it ends there: PAUSE, LENGTH or AUDIO.
            is_partial: The transcript was made for a partial.
        """
        offset_ms = round(start_ms)
        transcript = shifted(transcript, offset_ms)
        self.engine_ms += transcript.engine_ms
        self.input_tokens += transcript.input_tokens
        self.output_tokens += transcript.output_tokens
        self._segments.extend(transcript.segments)
        self.settled = " ".join(text for text in (self.settled, transcript.text) if text)
        self._left_out.extend(transcript.left_out)
        engine_ms = 0.0 if is_partial else transcript.engine_ms
        self._pieces.append(HeardPiece(offset_ms, round(end_ms), end, engine_ms, transcript.checks))
        if transcript.segments and not self._language[0]:
            self._language = (transcript.language, transcript.language_confidence)

    def partial(self, rest: str, up_to_ms: float) -> PartialHeard | None:
        """The whole utterance so far, or None if there is nothing new to say."""
        num_settled = len(self.settled)
        text = f"{self.settled} {rest.strip()}".strip()
        before = self._last_partial[0]
        if not text or (text, num_settled) == self._last_partial:
            return None
        self._last_partial = (text, num_settled)
        self.begin_voice()
        told_at, self._told_at = self._told_at, time.monotonic()
        return PartialHeard(
            text=text,
            stability=max(_num_common(text, before), num_settled) / len(text),
            up_to_ms=round(up_to_ms),
            num_settled_characters=num_settled,
            utterance_index=self.index,
            interval_ms=round((self._told_at - (told_at or self._told_at)) * 1000),
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
        language, confidence = self._language if text else ("", None)
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
            pieces=tuple(self._pieces),
        )


def shifted(transcript: Transcript, offset_ms: int) -> Transcript:
    """Move all that has times in a transcript to a clock that started ``offset_ms`` before."""
    return replace(
        transcript,
        segments=tuple(_moved(segment, offset_ms) for segment in transcript.segments),
        left_out=tuple(_shifted(one, offset_ms) for one in transcript.left_out),
        checks=tuple(_shifted(one, offset_ms) for one in transcript.checks),
    )


def _moved(segment: HeardSegment, offset_ms: int) -> HeardSegment:
    words = tuple(_shifted(word, offset_ms) for word in segment.words)
    return replace(_shifted(segment, offset_ms), words=words)


def _shifted(timed: Timed, offset_ms: int) -> Timed:
    return replace(timed, start_ms=timed.start_ms + offset_ms, end_ms=timed.end_ms + offset_ms)


def _num_common(one: str, other: str) -> int:
    """Characters two texts have in common at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
