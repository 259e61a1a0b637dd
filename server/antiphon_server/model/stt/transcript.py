"""From an answer's text to a transcript: thoughts and special tokens are taken out, and loops are cut."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_CLOSED_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_OPEN_THOUGHT = "<think>"
_SPECIAL = re.compile(r"<\|[^|<>]*\|>")
_MOST_COPIES_OF_A_WORD = 3
_MOST_COPIES_OF_A_PHRASE = 2
_LONGEST_PHRASE = 16


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said."""

    text: str
    num_cut_words: int
    """Words of loops that were taken out; 0 if nothing was."""


def clean(answer: str) -> str:
    """Keep what is said of an answer, without its prompt, that was decoded with its special tokens.

    Closed thoughts go first, then all before one that was not closed, then special tokens.
    """
    said = _CLOSED_THOUGHT.sub("", answer)
    said = said.rpartition(_OPEN_THOUGHT)[2]
    return _SPECIAL.sub("", said).strip()


def read_answer(answer: str) -> Transcript:
    """Clean an answer and cut its loops. Text without loops keeps its blanks and line ends."""
    said = clean(answer)
    words = said.split()
    kept = cut_loops(words)
    return Transcript(" ".join(kept) if len(kept) < len(words) else said, len(words) - len(kept))


def cut_loops(words: Sequence[str]) -> list[str]:
    """Cut what repeats back to back: a word to three copies, a phrase of 2 to 16 words to two; long phrases first."""
    kept = _cut(words, 1, _MOST_COPIES_OF_A_WORD)
    for length in range(_LONGEST_PHRASE, 1, -1):
        kept = _cut(kept, length, _MOST_COPIES_OF_A_PHRASE)
    return _cut(kept, 1, _MOST_COPIES_OF_A_WORD)


def _cut(words: Sequence[str], length: int, most: int) -> list[str]:
    """Keep ``most`` copies of every phrase of ``length`` words that follows itself."""
    kept: list[str] = []
    at = 0
    while at < len(words):
        phrase = list(words[at : at + length])
        after = at + length
        while list(words[after : after + length]) == phrase:
            after += length
        num_copies = (after - at) // length
        if num_copies > most:
            kept += phrase * most
            at = after
        else:
            kept.append(words[at])
            at += 1
    return kept
