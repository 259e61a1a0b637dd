"""The engine protocols over a line: what the front holds instead of engines.

A face stays valid over restarts: it asks for the line at each call, and gets the reason of the moment if there is none.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from typing import cast

from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob
from antiphon_server.engine.protocol import EngineInfo, ListenJob, SpeechChunk, SpeechEnd, SpeechJob, Transcript
from antiphon_server.engine.reference import ReferenceClip, SpeechReference
from antiphon_server.engine.spec import Role
from antiphon_server.engine.stats import EngineStats
from antiphon_server.errors import BodyTooLarge, EngineFailed
from antiphon_server.worker.codec import decode, encode
from antiphon_server.worker.frame import FrameTooLarge
from antiphon_server.worker.line import Line

SPEECH_WINDOW_CHUNKS = 12
"""Chunks ahead of the consumer: 0.96 s at 80 ms each."""
CHAT_WINDOW_DELTAS = 64
"""Pieces of a reply ahead of the consumer; a token each, so a sentence or three."""

_STREAM_IDS = itertools.count(1)
"""Of streams that live in a child: one row for all faces, since several may reach the same child."""


class _Face:
    """A part of an engine process, reached by whatever line is up now."""

    role: Role

    def __init__(self, line: Callable[[], Line], info: Callable[[Role], EngineInfo]) -> None:
        self._line = line
        self._info = info

    async def info(self) -> EngineInfo:
        """Return what the part said when it was warm.

        Raises:
            NotReady: If the process is starting.
            EngineRestarting: If it died and is coming back.
        """
        self._line()
        return self._info(self.role)

    async def stats(self) -> EngineStats:
        """Read the process's figures.

        Raises:
            EngineRestarting: If the process dies meanwhile, or has died and is not back.
        """
        return cast("EngineStats", decode(await self._line().ask(self.role, "stats")))


class RemoteSynthesizer(_Face):
    """Speaks in another process."""

    role: Role = "synthesizer"

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        """Yield the segment's sound, then one SpeechEnd; at most a window of chunks is made ahead of the consumer.

        Raises:
            EngineRestarting: If the process dies meanwhile, or has died and is not back.
            SpeechError: What the engine raised.
        """
        call = self._line().stream(self.role, "speak", encode(job), window=SPEECH_WINDOW_CHUNKS)
        try:
            has_end = False
            async for values in call:
                item = cast("SpeechChunk | SpeechEnd", decode(values))
                yield item
                has_end = isinstance(item, SpeechEnd)
            if not has_end:
                raise EngineFailed("the engine ended without saying how")
        finally:
            await call.aclose()

    async def encode(self, clip: ReferenceClip) -> SpeechReference:
        """Turn a clip into codes.

        Raises:
            EngineRestarting: If the process dies meanwhile, or has died and is not back.
            SpeechError: What the engine raised.
        """
        return cast("SpeechReference", decode(await self._line().ask(self.role, "encode", encode(clip))))

    async def count_tokens(self, texts: tuple[str, ...]) -> tuple[int, ...]:
        """Count the tokens of each text.

        Raises:
            EngineRestarting: If the process dies meanwhile, or has died and is not back.
        """
        return tuple(await self._line().ask(self.role, "count_tokens", list(texts)))

    async def count_unreadable(self, texts: tuple[str, ...], voice: str, language: str) -> tuple[int, ...]:
        """Count the letters of each text that would be left out.

        Raises:
            EngineRestarting: If the process dies meanwhile, or has died and is not back.
            SpeechError: What the engine raised.
        """
        return tuple(await self._line().ask(self.role, "count_unreadable", list(texts), voice, language))


class RemoteTranscriber(_Face):
    """Listens in another process."""

    role: Role = "transcriber"

    async def transcribe(self, job: ListenJob) -> Transcript:
        """Write the audio down.

        Raises:
            BodyTooLarge: If the audio is longer than a frame may be.
            EngineRestarting: If the process dies meanwhile, or has died and is not back.
            SpeechError: What the engine raised.
        """
        try:
            values = await self._line().ask(self.role, "transcribe", encode(job))
        except FrameTooLarge as large:
            raise _too_large(job.pcm, large) from large
        return cast("Transcript", decode(values))


class RemoteChatModel(_Face):
    """Answers in another process."""

    role: Role = "chat"

    async def reply(self, job: ChatJob) -> AsyncGenerator[ChatDelta | ChatEnd, None]:
        """Yield the answer as it is written, then one ChatEnd.

        Raises:
            EngineRestarting: If the process dies meanwhile, or has died and is not back.
            SpeechError: What the engine raised.
        """
        call = self._line().stream(self.role, "reply", encode(job), window=CHAT_WINDOW_DELTAS)
        try:
            has_end = False
            async for values in call:
                item = cast("ChatDelta | ChatEnd", decode(values))
                yield item
                has_end = isinstance(item, ChatEnd)
            if not has_end:
                raise EngineFailed("the engine ended without saying how")
        finally:
            await call.aclose()


class RemoteLiveTranscript:
    """One utterance; bound to the child it was opened in, since the state is there."""

    def __init__(self, line: Line, stream_id: int) -> None:
        self._line = line
        self._id = stream_id

    async def push(self, pcm: bytes) -> str:
        """Take more of the utterance; return all text so far.

        Raises:
            BodyTooLarge: If the audio is longer than a frame may be.
            EngineRestarting: If the child that holds the state is gone; open another utterance.
            SpeechError: What the engine raised.
        """
        try:
            text: str = await self._line.ask("live_transcriber", "push", self._id, pcm)
        except FrameTooLarge as large:
            raise _too_large(pcm, large) from large
        return text

    async def close(self) -> None:
        """Free the state; a second time does nothing."""
        await _closed(self._line, "live_transcriber", self._id)


class RemoteLiveTranscriber(_Face):
    """Listens in another process while it is spoken."""

    role: Role = "live_transcriber"

    async def open(self, language: str) -> RemoteLiveTranscript:
        """Begin an utterance in the child of the moment.

        Raises:
            EngineRestarting: If the process has died and is not back.
            SpeechError: What the engine raised.
        """
        line, stream_id = self._line(), next(_STREAM_IDS)
        await _opened(line, self.role, stream_id, language)
        return RemoteLiveTranscript(line, stream_id)


class RemoteVoiceStream:
    """Scores of one stream; bound to the child it was opened in, since the state is there."""

    def __init__(self, line: Line, stream_id: int) -> None:
        self._line = line
        self._id = stream_id

    async def score(self, pcm: bytes) -> list[float]:
        """Return the voice probability of each window completed by ``pcm``.

        Raises:
            EngineRestarting: If the child that holds the state is gone; open another stream.
        """
        scores: list[float] = await self._line.ask("voice_activity", "score", self._id, pcm)
        return scores

    async def close(self) -> None:
        """Free the state; a second time does nothing."""
        await _closed(self._line, "voice_activity", self._id)


class RemoteVoiceActivity(_Face):
    """Hears voices in another process."""

    role: Role = "voice_activity"

    async def open(self) -> RemoteVoiceStream:
        """Begin a stream in the child of the moment.

        Raises:
            EngineRestarting: If the process has died and is not back.
        """
        line, stream_id = self._line(), next(_STREAM_IDS)
        await _opened(line, self.role, stream_id)
        return RemoteVoiceStream(line, stream_id)


async def _opened(line: Line, role: Role, stream_id: int, *args: object) -> None:
    """Begin a stream that lives in the child."""
    try:
        await line.ask(role, "open", stream_id, *args)
    except asyncio.CancelledError:
        if line.is_up:
            line.tell(role, "close", stream_id)  # it may have been opened before the cancel came
        raise


async def _closed(line: Line, role: Role, stream_id: int) -> None:
    """End a stream that lives in the child. A caller who does not wait for that must not take it back."""
    if line.is_up:
        await asyncio.wait({line.tell(role, "close", stream_id).ended})


def _too_large(pcm: bytes, large: FrameTooLarge) -> BodyTooLarge:
    return BodyTooLarge(
        f"audio of {len(pcm)} bytes at once is over the limit of {large.max_bytes} bytes", field="audio"
    )
