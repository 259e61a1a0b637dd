"""Which segments of a transcript are not believed: guesses at sound without words, and loops.

A model that hears nothing to write writes something all the same. Its own numbers give it away, though no single one
does: a loop is as probable as speech, and speech in a recording with long pauses has a high no-speech probability.
"""

from collections.abc import Sequence
from dataclasses import replace

from antiphon_server.engine.protocol import HeardSegment, LeftOut
from antiphon_server.text.repetition import repeated_spans

GUESSES = ((0.0, -1.5), (0.3, -1.0), (0.6, -0.7))
"""Words over a window that is without speech by more than the first, and less likely on average than the second."""
LOOP_SILENT_PROB = 0.5
"""A loop vouches for itself; over a window that is this likely without speech not even its first turn is believed."""


def believed(segments: Sequence[HeardSegment]) -> tuple[tuple[HeardSegment, ...], tuple[LeftOut, ...]]:
    """Return the segments that are believed, loops said once, and what was left out.

    Args:
        segments: All of one job, in order. Numbers that a model does not give raise no doubt.
    """
    kept: list[HeardSegment] = []
    left_out: list[LeftOut] = []
    for segment, spans in zip(segments, repeated_spans([segment.text for segment in segments]), strict=True):
        why = _doubt(segment, is_loop=bool(spans))
        if why:
            left_out.append(LeftOut(segment.start_ms, segment.end_ms, why))
        if why == "UNSURE" or (spans and (segment.no_speech_prob or 0.0) > LOOP_SILENT_PROB):
            continue
        rest = _without(segment, spans)
        if rest is not None:
            kept.append(rest)
    return tuple(kept), tuple(left_out)


def _doubt(segment: HeardSegment, *, is_loop: bool) -> str:
    if is_loop:
        return "REPETITION"
    log_prob, silence = segment.average_log_prob, segment.no_speech_prob or 0.0
    if log_prob is None or not segment.text.strip():
        return ""
    return "UNSURE" if any(silence >= least and log_prob < limit for least, limit in GUESSES) else ""


def _without(segment: HeardSegment, spans: Sequence[tuple[int, int]]) -> HeardSegment | None:
    """Cut character ranges and the words in them; None if nothing stays. The tokens would say what was cut."""
    if not spans:
        return segment
    text = segment.text
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    if not text.strip():
        return None
    words = []
    at = 0
    for word in segment.words:
        begin = max(at, segment.text.find(word.text, at))
        at = begin + len(word.text)
        if not any(start <= begin < end for start, end in spans):
            words.append(word)
    end_ms = words[-1].end_ms if words else segment.end_ms
    return replace(segment, text=text.strip(), words=tuple(words), end_ms=end_ms, tokens=())
