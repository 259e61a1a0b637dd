"""Loops in a transcript: the same few words back to back, as a model writes them where it hears nothing to write."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

MIN_REPEATS = 4
MIN_LOOP_UNITS = 12
"""Shorter ones people do say: "no, no, no, no", or the zeros of a number."""
MAX_PERIOD_UNITS = 40

_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
"""Characters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana and Chinese characters."""
_UNIT = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['\u2019]\w+)*")
"""A word, or one character of such a script."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop in a row of units: ``period`` units from ``start`` on, then the same again up to ``end``."""

    start: int
    end: int
    period: int


def loops_in(units: Sequence[str]) -> list[Loop]:
    """Find loops, none inside another; where several periods fit, the shortest.

    Args:
        units: Words or characters, spelt alike where they are alike.
    """
    found: list[Loop] = []
    start = 0
    while start < len(units):
        loop = _loop_at(units, start)
        if loop is not None:
            found.append(loop)
        start = loop.end if loop is not None else start + 1
    return found


@dataclass(slots=True)
class Repetition:
    """What of a text only repeats what was said before."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    """Character ranges to leave out so that each loop is said once, in order; one reaches to the next unit that stays.
    """
    num_turns: int = 0
    """How often the longest of these loops goes round, in this text and its neighbours; 0 without one."""


def repetitions(texts: Sequence[str]) -> list[Repetition]:
    """Find for each text what only repeats; loops may run over several texts."""
    places = [(index, match.start()) for index, text in enumerate(texts) for match in _UNIT.finditer(text)]
    units = [match.group().casefold() for text in texts for match in _UNIT.finditer(text)]
    found = [Repetition() for _ in texts]
    for loop in loops_in(units):
        for at in range(loop.start + loop.period, loop.end):
            index, begin = places[at]
            is_last = at + 1 == len(places) or places[at + 1][0] != index
            _leave_out(found[index], begin, len(texts[index]) if is_last else places[at + 1][1])
            found[index].num_turns = max(found[index].num_turns, (loop.end - loop.start) // loop.period)
    return found


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Cut character ranges, which are in order, out of a text."""
    for begin, end in reversed(spans):
        text = text[:begin] + text[end:]
    return text


def _leave_out(repetition: Repetition, begin: int, end: int) -> None:
    spans = repetition.spans
    if spans and spans[-1][1] == begin:
        begin, _ = spans.pop()
    spans.append((begin, end))


def _loop_at(units: Sequence[str], start: int) -> Loop | None:
    for period in range(1, min(MAX_PERIOD_UNITS, (len(units) - start) // MIN_REPEATS) + 1):
        end = start + period
        while end < len(units) and units[end] == units[end - period]:
            end += 1
        num_repeats = (end - start) // period
        if num_repeats >= MIN_REPEATS and num_repeats * period >= MIN_LOOP_UNITS:
            # A last repeat that breaks off belongs to what follows it, unless nothing does.
            return Loop(start, end if end == len(units) else start + num_repeats * period, period)
    return None
