"""Which segments of a transcript are not believed: guesses at sound without words, and loops.

A model that hears nothing to write writes something all the same. Its own numbers give it away, though no single one
does: a loop is as probable as speech, and speech in a recording with long pauses has a high no-speech probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from antiphon_server.engine.protocol import FiredCheck, HeardSegment, LeftOut
from antiphon_server.text.repetition import MIN_REPEATS, Repetition, repetitions, without

SILENT_PEAK = 2.0**-10
"""Quieter than this (-60 dBFS) throughout is silence, whatever a model would make of it."""
NO_SPEECH_LIMIT = 0.6
"""A window that is without speech by more than this is doubted, though kept if its words are likely."""
LOG_PROB_LIMIT = -1.0
"""Words that are less likely than this on average are doubted, and tried again with chance where the model can."""
COMPRESSION_LIMIT = 2.4
"""Text that zlib makes smaller by more than this repeats itself, or its letters do."""
GUESSES = ((0.0, -1.5), (0.3, -1.0), (0.6, -0.7))
"""Words over a window that is without speech by more than the first, and less likely on average than the second."""
LOOP_SILENT_PROB = 0.5
"""A loop vouches for itself; over a window that is this likely without speech not even its first turn is believed."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of a job's segments, and why the rest is not."""

    kept: tuple[HeardSegment, ...]
    left_out: tuple[LeftOut, ...]
    checks: tuple[FiredCheck, ...]
    """All limits that were passed, in order of the segments; also where nothing was left out."""


def believed(segments: Sequence[HeardSegment]) -> Belief:
    """Return the segments that are believed, loops said once, what was left out, and the checks that fired.

    Args:
        segments: All of one job, in order; one without text is a stretch that the model itself took for silence.
            Numbers that a model does not give raise no doubt.
    """
    kept: list[HeardSegment] = []
    left_out: list[LeftOut] = []
    checks: list[FiredCheck] = []
    for segment, loop in zip(segments, repetitions([segment.text for segment in segments]), strict=True):
        guess = None if loop.spans else _guess(segment)
        why = "REPETITION" if loop.spans else "UNSURE" if guess else ""
        checks += _fired(segment, guess, loop)
        if why:
            left_out.append(LeftOut(segment.start_ms, segment.end_ms, why))
        is_noise = loop.spans and (segment.no_speech_prob or 0.0) >= LOOP_SILENT_PROB
        if guess or is_noise or not segment.text.strip():
            continue
        rest = _without(segment, loop.spans)
        if rest is not None:
            kept.append(rest)
    return Belief(tuple(kept), tuple(left_out), tuple(checks))


def _guess(segment: HeardSegment) -> tuple[float, float] | None:
    """Return the first of GUESSES whose limits the segment passes."""
    log_prob, silence = segment.average_log_prob, segment.no_speech_prob or 0.0
    if log_prob is None or not segment.text.strip():
        return None
    return next((pair for pair in GUESSES if silence >= pair[0] and log_prob < pair[1]), None)


def _fired(segment: HeardSegment, guess: tuple[float, float] | None, loop: Repetition) -> list[FiredCheck]:
    """Hold each measure against the limit that decided, or that it would be doubted by alone."""
    silence_limit, log_prob_limit = guess or (0.0, LOG_PROB_LIMIT)
    silence_limit = LOOP_SILENT_PROB if loop.spans else silence_limit or NO_SPEECH_LIMIT
    silence, log_prob, ratio = segment.no_speech_prob, segment.average_log_prob, segment.compression_ratio
    measures = (
        ("no_speech_prob", silence, silence_limit, silence is not None and silence >= silence_limit),
        ("average_log_prob", log_prob, log_prob_limit, log_prob is not None and log_prob < log_prob_limit),
        ("compression_ratio", ratio, COMPRESSION_LIMIT, ratio is not None and ratio > COMPRESSION_LIMIT),
        ("repetition", loop.num_turns, MIN_REPEATS - 1, loop.num_turns >= MIN_REPEATS),
    )
    return [
        FiredCheck(name, float(value), limit, segment.start_ms, segment.end_ms)
        for name, value, limit, has_fired in measures
        if has_fired and value is not None
    ]


def _without(segment: HeardSegment, spans: Sequence[tuple[int, int]]) -> HeardSegment | None:
    """Cut character ranges and the words in them; None if nothing stays. The tokens would say what was cut."""
    if not spans:
        return segment
    text = without(segment.text, spans).strip()
    if not text:
        return None
    words = []
    at = 0
    for word in segment.words:
        begin = max(at, segment.text.find(word.text, at))
        at = begin + len(word.text)
        if not any(start <= begin < end for start, end in spans):
            words.append(word)
    end_ms = words[-1].end_ms if words else segment.end_ms
    return replace(segment, text=text, words=tuple(words), end_ms=end_ms, tokens=())
