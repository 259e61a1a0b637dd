"""Where phonemes are cut into what the model speaks at once, and how much silence stays between the pieces.

The cuts are made in phonemes, not in text: their marks mean the same in every language, and a full stop there is no
abbreviation's. An utterance begins with short phrases, so that its first sound comes early, and each next one may be as
long as the one before it covers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from antiphon_server.embedded.delivery import Samples

MAX_PHONEMES = 240
"""About 15 s of sound. The model takes 510, and speaks such long ones hurriedly."""
EARLY_PHONEMES = 60
"""What the first phrase of an utterance is cut to, where it has a mark to be cut at; about 4 s of sound."""
LATEST_EARLY_PHONEMES = 110
LEAST_REST_PHONEMES = 24
"""A shorter rest is not worth a cut, and alone it sounds odd."""
GROWTH = 1.6
"""How much longer than a phrase the next may be, so that it is ready before the first was heard: on two free cores the
model needs about 0.6 s for a second of sound that is left when its silence was trimmed."""
LEAD_MS = 40
PAUSES_MS = {".": 260, "!": 260, "?": 260, "…": 260, ",": 220, ";": 240, ":": 240, "—": 240}
"""As long as inside a sentence that the model speaks whole: about 0.3 s with the next beginning."""
PAUSE_AT_END_MS = 130
PAUSE_BETWEEN_WORDS_MS = 15
FADE_MS = 5

_MARK = re.compile(r"[.!?…,;:—][\"”)]*(?= )")
_CLOSING = '"”) '
_FRAME_MS = 5
_QUIET = 0.004
_QUIET_BESIDE_PEAK = 0.012


@dataclass(frozen=True, slots=True)
class Phrase:
    """What the model speaks at once."""

    phonemes: str
    pause_ms: int
    """Silence that stays behind it."""


def phrases(phonemes: str, *, is_first: bool) -> Iterator[Phrase]:
    """Cut phonemes at marks, else between words, else anywhere.

    Args:
        phonemes: Of one sentence or more.
        is_first: Nothing of the utterance was spoken yet: begin with short phrases.
    """
    limit = EARLY_PHONEMES if is_first else MAX_PHONEMES
    rest = phonemes.strip()
    while rest:
        cut = _cut(rest, limit)
        piece, rest = rest[:cut].rstrip(), rest[cut:].lstrip()
        if any(map(str.isalpha, piece)):
            yield Phrase(piece, _pause_ms(piece, is_last=not rest))
        limit = min(MAX_PHONEMES, max(limit, round(len(piece) * GROWTH)))


def _cut(phonemes: str, limit: int) -> int:
    if len(phonemes) <= limit:
        return len(phonemes)
    marks = [match.end() for match in _MARK.finditer(phonemes, 0, MAX_PHONEMES)]
    good = [end for end in marks if end >= limit // 4 and len(phonemes) - end > LEAST_REST_PHONEMES]
    early = [end for end in good if end <= limit]
    late = [end for end in good if limit < end <= LATEST_EARLY_PHONEMES]
    if early or late:
        return early[-1] if early else late[0]
    return len(phonemes) if len(phonemes) <= MAX_PHONEMES else _hard_cut(phonemes, marks)


def _hard_cut(phonemes: str, marks: list[int]) -> int:
    if marks and marks[-1] > MAX_PHONEMES // 3:
        return marks[-1]
    space = phonemes.rfind(" ", MAX_PHONEMES // 3, MAX_PHONEMES)
    return space if space > 0 else MAX_PHONEMES


def _pause_ms(phonemes: str, *, is_last: bool) -> int:
    mark = phonemes.rstrip(_CLOSING)[-1:]
    return PAUSES_MS.get(mark, PAUSE_AT_END_MS if is_last else PAUSE_BETWEEN_WORDS_MS)


def trimmed(samples: Samples, pause_ms: float, rate_hz: int) -> Samples:
    """Leave a breath of the silence that the model puts around a phrase: 0.3 s in front and 0.4 s behind.

    Args:
        samples: Mono, -1 to 1.
        pause_ms: Silence to leave, or to make, behind the last sound.
        rate_hz: Their rate.
    """
    frame = rate_hz * _FRAME_MS // 1000
    levels = np.sqrt(np.mean(samples[: len(samples) // frame * frame].reshape(-1, frame) ** 2, axis=1))
    loud = np.flatnonzero(levels > max(_QUIET, _QUIET_BESIDE_PEAK * levels.max(initial=0.0)))
    if not len(loud):
        return samples[:0]
    begin = max(0, int(loud[0]) * frame - rate_hz * LEAD_MS // 1000)
    end = (int(loud[-1]) + 1) * frame + round(rate_hz * pause_ms / 1000)
    return _faded(np.pad(samples[begin:end], (0, max(0, end - len(samples)))), rate_hz)


def _faded(samples: Samples, rate_hz: int) -> Samples:
    ramp = np.linspace(0.0, 1.0, min(len(samples), rate_hz * FADE_MS // 1000), dtype=np.float32)
    samples[: len(ramp)] *= ramp
    samples[len(samples) - len(ramp) :] *= ramp[::-1]
    return samples
