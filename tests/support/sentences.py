"""Prompts that many comparisons are made with: twenty sentences, without a voice and with one."""

from collections.abc import Iterator

import numpy as np

from antiphon_server.codec.delay import delay
from antiphon_server.model.prompt import Prompt, Reference, build_prompt
from antiphon_server.model.tokenizer import TextTokenizer

_STARTS = ("Hello there,", "It is", "Speak of", "Why do", "Ten")
_ENDS = ("and welcome back.", "only what we said.", "nothing else at all!", "ships and sails?")
SENTENCES = tuple(f"{start} {end}" for start in _STARTS for end in _ENDS)


def voice(seed: int, num_frames: int = 12) -> tuple[tuple[int, ...], ...]:
    """Delayed rows of random codes, with their corners."""
    codes = np.random.default_rng(seed).integers(0, 1024, (num_frames, 8))
    return tuple(map(tuple, delay(codes).tolist()))


def prompts(tokenizer: TextTokenizer, *, is_cloned: bool) -> Iterator[Prompt]:
    """Lay all sentences out; each clone has a voice of its own, every second one with its transcript."""
    for index, sentence in enumerate(SENTENCES):
        transcript = tuple(tokenizer.encode("as heard")) if index % 2 else ()
        reference = Reference(voice(index), transcript) if is_cloned else None
        yield build_prompt(tokenizer.encode(sentence), reference=reference)
