"""``logprobs``: how sure the model is of each word."""

import math
from collections.abc import Sequence

from antiphon.speech.v1 import transcript_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.transcription_fields import INCLUDE

_IMPOSSIBLE = -9999.0  # stands for the logarithm of 0, which JSON cannot hold


def log_probs(text: str, words: Sequence[transcript_pb2.Word]) -> list[dict[str, object]]:
    """Give ``{token, logprob, bytes}`` for each word; joined, the tokens are ``text``.

    Args:
        text: The whole transcript.
        words: Its words in order, with the mean probability of their tokens.

    Raises:
        ApiError: The model gave no probabilities.
    """
    if text and not (words and all(word.HasField("confidence") for word in words)):
        message = f"{INCLUDE} logprobs needs probabilities of words, and the model gives none."
        raise ApiError("UNSUPPORTED_FEATURE", message, param=INCLUDE)
    found, start = [], 0
    for word in words:
        token = _token(text, word.text, start)
        start += len(token)
        found.append({"token": token, "logprob": _logarithm(word.confidence), "bytes": list(token.encode())})
    return found


def _token(text: str, word: str, start: int) -> str:
    """The word with the space before it, which languages without spaces do not have."""
    rest = text[start : start + len(word) + 1]
    return next((token for token in (word, f" {word}") if rest.startswith(token)), word)


def _logarithm(probability: float) -> float:
    return math.log(min(probability, 1.0)) if probability > 0 else _IMPOSSIBLE
