"""Speech to sound like: a clip, and what is said in it."""

import asyncio
import dataclasses
import os
from pathlib import Path
from typing import Self

from antiphon.speech.v1.voice_pb2 import VoiceReference

MAX_CLIP_BYTES = 10 * 1024 * 1024
"""Largest clip of the contract."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """A clip to clone a voice from: a whole audio file in any common format, 1 to 100 s of one person speaking.

    >>> async def hello(client: AntiphonClient) -> bytes:
    ...     me = await Reference.read("me.wav", "What I say in that recording.")
    ...     async with client.speak("And this I never said.", reference=me) as speech:
    ...         return await speech.read()
    """

    audio: bytes = dataclasses.field(repr=False)
    """The file's bytes, at most 10 MiB."""
    transcript: str = dataclasses.field(default="", repr=False)
    """What is said in it, word for word, at most 5000 characters; without it the voice comes out less alike."""

    def __post_init__(self) -> None:
        """Refuse what cannot be sent.

        Raises:
            ValueError: The clip is empty or over 10 MiB.
        """
        _check_size(len(self.audio))

    @classmethod
    async def read(cls, path: str | os.PathLike[str], transcript: str = "") -> Self:
        """Read a clip from a file.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is empty or over 10 MiB; then it is not read.
        """
        return cls(await asyncio.to_thread(_read, Path(path)), transcript)

    @property
    def message(self) -> VoiceReference:
        """The same in the contract's words, for ``SynthesisConfig.references``."""
        return VoiceReference(audio=self.audio, transcript=self.transcript)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        _check_size(os.fstat(file.fileno()).st_size or 1)  # a pipe has no size before it is read
        return file.read(MAX_CLIP_BYTES + 1)


def _check_size(num_bytes: int) -> None:
    if not num_bytes:
        raise ValueError("the clip is empty")
    if num_bytes > MAX_CLIP_BYTES:
        raise ValueError(f"the clip has {num_bytes / 2**20:.1f} MiB; a reference may have at most 10 MiB")
