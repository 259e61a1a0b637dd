"""What an engine says of texts before it speaks them."""

from typing import Protocol


class TokenCounter(Protocol):
    """A Synthesizer that says ``counts_tokens``."""

    async def count_tokens(self, texts: tuple[str, ...]) -> tuple[int, ...]:
        """Count the tokens of each text as the model reads it."""
        ...


class LetterCounter(Protocol):
    """A Synthesizer that says ``counts_unreadable``."""

    async def count_unreadable(self, texts: tuple[str, ...], voice: str, language: str) -> tuple[int, ...]:
        """Count the letters of each text that would be left out, because they are of a script it does not read.

        Args:
            texts: What would be spoken.
            voice: Id of one of the engine's voices.
            language: As in ``SpeechJob``.

        Raises:
            UnknownVoice, UnsupportedFeature: As ``speak`` does.
        """
        ...
