"""References of a call, from the bytes a caller sent to the codes an engine hears."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from antiphon_server.audio.clip import decode_clip
from antiphon_server.audio.format import Format
from antiphon_server.engine.reference import Cloner, ReferenceClip, SpeechReference
from antiphon_server.errors import AudioTooLong, BadAudio, BodyTooLarge, InvalidField, SpeechError, UnsupportedFormat

_NUM_DECODERS = 2
_NUM_DECODED = 4
"""Clips held as samples at once, 38 MB at most each: they wait for the engine to encode them."""
_DECODERS = ThreadPoolExecutor(_NUM_DECODERS, thread_name_prefix="clip")
"""A pool of its own: a decoder whose caller has left runs on for a moment, and must not be joined by many."""
_OF_THE_CLIP = (AudioTooLong, BadAudio, BodyTooLarge, InvalidField, UnsupportedFormat)


@dataclass(frozen=True, slots=True)
class ReferenceSource:
    """A reference as it was sent: codes, or a clip to encode."""

    field: str
    """Path of what holds it, for errors."""
    transcript: str = ""
    codes: bytes = b""
    """As in SpeechReference; empty: there is a clip."""
    clip: bytes = b""
    format: Format | None = None
    """Layout of ``clip``."""


class CloningDesk:
    """Turns sources into references, a few at a time. One for all calls."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_NUM_DECODED)

    async def read(self, source: ReferenceSource, cloner: Cloner) -> SpeechReference:
        """Give a source as codes.

        Raises:
            BadAudio: If the clip is no audio, or silent.
            AudioTooLong, InvalidField: If it is longer than 100 s, or shorter than 1 s.
            EngineFailed: If the model failed.
        """
        if source.codes:
            return SpeechReference(source.codes, source.transcript)
        async with self._places:
            clip = await _decode(source)
            try:
                encoded = await cloner.encode(clip)
            except _OF_THE_CLIP as error:
                raise at_field(error, source.field) from None
        return replace(encoded, transcript=source.transcript)

    async def measure(self, source: ReferenceSource) -> float:
        """Decode a source without encoding it; returns the seconds of its clip, 0 for codes.

        Raises:
            BadAudio, AudioTooLong, InvalidField: As ``read`` does, but for silence, which the engine finds.
        """
        if source.codes:
            return 0.0
        async with self._places:
            clip = await _decode(source)
        return len(clip.pcm) / 2 / clip.rate_hz


def at_field(error: SpeechError, field: str) -> SpeechError:
    """Say of which field an error about "audio" is."""
    about, _, rest = error.message.partition(" ")
    message = f"{field} {rest}" if about == "audio" else f"{field}: {error.message}"
    return type(error)(message, field=field)


async def _decode(source: ReferenceSource) -> ReferenceClip:
    assert source.format is not None
    loop = asyncio.get_running_loop()
    try:
        pcm, rate_hz = await loop.run_in_executor(_DECODERS, decode_clip, source.clip, source.format)
    except _OF_THE_CLIP as error:
        raise at_field(error, source.field) from None
    return ReferenceClip(pcm, rate_hz)
