"""What a voice is cloned from, and what was said before: clips, and the codec codes an engine makes of them.

An engine that clones encodes a clip once; its codes (5 KB for 12 seconds) then travel with every job, so no engine has
to remember a caller's voice.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReferenceClip:
    """Sound to encode."""

    pcm: bytes
    """s16le mono."""
    rate_hz: int


@dataclass(frozen=True, slots=True)
class SpeechReference:
    """A stretch of speech as an engine sees it."""

    codes: bytes
    """Codec codes frame after frame, undelayed, each as an unsigned 16-bit little-endian number."""
    transcript: str = ""
    """What is said in it; empty: unknown."""


class Cloner(Protocol):
    """A Synthesizer that says ``supports_cloning``."""

    async def encode(self, clip: ReferenceClip) -> SpeechReference:
        """Turn a clip into codes, without a transcript; the same clip is encoded once.

        Raises:
            InvalidField, AudioTooLong: If it is shorter, or longer, than the model takes.
            BadAudio: If it is silent.
            Overloaded: If too many clips wait.
            EngineFailed: If the model failed.
        """
        ...
