"""Key words and a prompt as Whisper takes them: text that seems to have been said before."""

from collections.abc import Sequence
from typing import Any

MOST_PROMPT_TOKENS = 223
"""Half the decoder's positions, less one: the other half is for the transcript."""


def prompt_ids(tokenizer: Any, prompt: str, key_words: Sequence[str]) -> tuple[list[int], int]:  # noqa: ANN401 - untyped
    """Put key words before a prompt, in ids.

    The library's own way gives each of them half the positions, and fails where both are long; and its prompt is
    forgotten after the first window. Where both do not fit, last key words and the prompt's beginning are left out.

    Returns:
        The ids, and how many there would be without the limit.
    """
    words = _ids(tokenizer, ", ".join(word.strip() for word in key_words))
    context = _ids(tokenizer, prompt.strip())
    kept = words[:MOST_PROMPT_TOKENS]
    room = MOST_PROMPT_TOKENS - len(kept)
    return [*kept, *(context[-room:] if room else [])], len(words) + len(context)


def _ids(tokenizer: Any, text: str) -> list[int]:  # noqa: ANN401
    return list(tokenizer.encode(f" {text}", add_special_tokens=False).ids) if text else []
