"""Speech that a model left out of a piece: what stands between its pauses is heard once more, each part alone.

A model that hears several sentences at once may write down one and go on behind the others; of a sentence that is said
twice it mostly does. Too little text for the voice gives it away. Alone, each sentence is written down.
"""

import re
from dataclasses import replace
from itertools import pairwise

from antiphon_server.engine.protocol import FiredCheck, Transcript
from antiphon_server.session.hearing import shifted
from antiphon_server.session.scribe import Scribe
from antiphon_server.session.stretch import TAIL_MS, Stretch
from antiphon_server.session.voicegate import WINDOW_MS

SLOW_LETTERS_PER_S = 10.0
"""Of voice without its pauses. Half a text of a brisk voice has 9.5; of five speakers one, of Spanish, is slower than
this now and then and costs a part more."""
_MORE = 1.3
"""So many times the text is more than other spellings and fillers make of it."""
_LEAST_PAUSE_MS = 350
_MOST_PARTS = 12
_SAMPLE_MS = 2_000
"""A part that is long enough to tell from it whether anything is missing."""
_LEAST_VOICE_MS = 1_500
"""In less voice, letters are too few to be counted."""
_LEAST_PART_MS = 100
"""No word is shorter."""
_LEAD_MS = 300
"""Audio kept before the first voice of a part."""
_SYLLABLES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_LETTERS_OF_SYLLABLE = 2.5
_LETTERS_OF_DIGIT = 4.0
"""Of its name."""

Span = tuple[float, float]


async def heard_again(transcript: Transcript, stretch: Stretch, from_ms: float, scribe: Scribe) -> Transcript:
    """Return a fuller transcript where much of the voice was left out of this one, and this one where not.

    Args:
        transcript: What was written of the stretch.
        stretch: All of the audio, and where there is voice in it.
        from_ms: Where the transcript's clock starts in the stream.
        scribe: Writes down.

    Raises:
        SpeechError: Whatever the engine reports.
    """
    parts = _parts(stretch) if _is_little(transcript, stretch) else []
    if len(parts) < 2:
        return transcript
    sample = _sample(parts)
    heard = {sample: await _heard(sample, stretch, from_ms, scribe, transcript.language)}
    share = _length(sample) / sum(map(_length, parts))
    if _num_letters(heard[sample].text) < _MORE * share * _num_letters(transcript.text):
        return _with_cost(transcript, heard[sample])  # somebody speaks slowly
    for part in parts:
        if part != sample:
            heard[part] = await _heard(part, stretch, from_ms, scribe, transcript.language)
    whole = _joined(transcript, [heard[part] for part in parts])
    if _num_letters(whole.text) < _MORE * _num_letters(transcript.text):
        return _with_cost(transcript, *heard.values())
    check = FiredCheck(
        "letters_per_s", _letters_per_s(transcript, stretch), SLOW_LETTERS_PER_S, *_ends(stretch, from_ms)
    )
    return replace(whole, checks=(*transcript.checks, check, *whole.checks))


def _is_little(transcript: Transcript, stretch: Stretch) -> bool:
    """Whether a text may lack speech: it is short for its voice, or a loop of which one turn was kept."""
    is_loop = any(each.why == "REPETITION" for each in transcript.left_out)
    is_slow = stretch.voice_ms >= _LEAST_VOICE_MS and _letters_per_s(transcript, stretch) < SLOW_LETTERS_PER_S
    return bool(transcript.text) and (is_loop or is_slow)


def _letters_per_s(transcript: Transcript, stretch: Stretch) -> float:
    return _num_letters(transcript.text) * 1000 / stretch.voice_ms


def _num_letters(text: str) -> float:
    """Count letters as an alphabet would have them."""
    syllables, digits = len(_SYLLABLES.findall(text)), sum(map(str.isdigit, text))
    rest = sum(map(str.isalnum, text)) - syllables - digits
    return rest + _LETTERS_OF_SYLLABLE * syllables + _LETTERS_OF_DIGIT * digits


def _parts(stretch: Stretch) -> list[Span]:
    """Find the first and last voice of each part, in order; where there are too many, the longest pauses decide."""
    ends = sorted(stretch.voices_ms)
    if not ends:
        return []
    pauses = [(after - before, before, after) for before, after in pairwise(ends) if after - before > _LEAST_PAUSE_MS]
    cuts = sorted(sorted(pauses, reverse=True)[: _MOST_PARTS - 1], key=lambda pause: pause[1])
    firsts = [ends[0], *(after for _, _, after in cuts)]
    lasts = [*(before for _, before, _ in cuts), ends[-1]]
    parts = [(first - WINDOW_MS, last) for first, last in zip(firsts, lasts, strict=True)]
    return [part for part in parts if _length(part) >= _LEAST_PART_MS]


def _sample(parts: list[Span]) -> Span:
    """Choose the part that is heard first: it is the price of a false alarm."""
    return min((part for part in parts if _length(part) >= _SAMPLE_MS), key=_length, default=max(parts, key=_length))


def _length(part: Span) -> float:
    return part[1] - part[0]


async def _heard(part: Span, stretch: Stretch, from_ms: float, scribe: Scribe, language: str) -> Transcript:
    """Write one part down; its times are of the whole piece. A language is found out from the whole more surely."""
    start_ms = max(stretch.start_ms, part[0] - _LEAD_MS)
    pcm = stretch.between(start_ms, part[1] + TAIL_MS)
    found = await scribe.transcribe(pcm, is_partial=False, language=language)
    return shifted(found, max(0, round(start_ms - from_ms)))


def _joined(first: Transcript, heard: list[Transcript]) -> Transcript:
    whole = _with_cost(first, *heard)
    return replace(
        whole,
        segments=tuple(segment for each in heard for segment in each.segments),
        left_out=tuple(left_out for each in heard for left_out in each.left_out),
        checks=tuple(check for each in heard for check in each.checks),
        output_tokens=sum(each.output_tokens for each in heard),
    )


def _with_cost(transcript: Transcript, *heard: Transcript) -> Transcript:
    return replace(
        transcript,
        engine_ms=transcript.engine_ms + sum(each.engine_ms for each in heard),
        input_tokens=transcript.input_tokens + sum(each.input_tokens for each in heard),
    )


def _ends(stretch: Stretch, from_ms: float) -> tuple[int, int]:
    return max(0, round(stretch.start_ms - from_ms)), round(stretch.end_ms - from_ms)
