"""The transcriber as a session uses it: jobs filled in from its settings, and a list of what is under way."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from antiphon_server.engine.protocol import EngineInfo, ListenJob, Transcriber, Transcript
from antiphon_server.session.settings import ListenSettings

Result = TypeVar("Result")


class Scribe:
    """Writes audio down for one session, and ends what it began."""

    def __init__(self, transcriber: Transcriber, settings: ListenSettings) -> None:
        """Begin with nothing under way."""
        self._transcriber = transcriber
        self._settings = settings
        self._under_way: set[asyncio.Task[Any]] = set()
        self._info: EngineInfo | None = None
        self.engine_ms = 0.0
        self.waited_ms = 0.0
        """How long the newest transcript that somebody may wait for has waited for its turn."""
        self.language = ""
        """That was heard last; empty before the first words."""

    async def info(self) -> EngineInfo:
        """What the transcriber was when it was first asked."""
        if self._info is None:
            self._info = await self._transcriber.info()
        return self._info

    async def transcribe(
        self,
        pcm: bytes,
        *,
        is_partial: bool,
        is_likely_final: bool = False,
        segment_times: bool = False,
        language: str = "",
    ) -> Transcript:
        """Write audio down.

        Args:
            pcm: 16 000 Hz s16le.
            is_partial: It gives way to finals, and has no times.
            is_likely_final: Of a partial: somebody may be waiting for it already.
            segment_times: Whether segments are short though the caller did not ask for it.
            language: Known from elsewhere where the caller gave none.

        Raises:
            SpeechError: Whatever the engine reports.
        """
        settings = self._settings
        job = ListenJob(
            pcm=pcm,
            language=settings.language or language,
            prompt=settings.prompt,
            key_words=settings.key_words,
            is_translation=settings.is_translation,
            word_times=settings.word_times and not is_partial,
            segment_times=(settings.segment_times or segment_times) and not is_partial,
            temperature=settings.temperature,
            is_partial=is_partial,
            is_likely_final=is_likely_final,
            thinking=settings.thinking,
            caller=settings.caller,
            due_at=settings.due_at,
            options=settings.options,
        )
        asked_at = time.monotonic()
        transcript = await self._transcriber.transcribe(job)
        self.engine_ms += transcript.engine_ms
        if is_likely_final or not is_partial:
            self.waited_ms = (time.monotonic() - asked_at) * 1000 - transcript.engine_ms
        if transcript.text:
            self.language = transcript.language
        return transcript if settings.word_times else _without_words(transcript)

    @property
    def has_times(self) -> bool:
        """Whether finals have times of words or short segments."""
        return self._settings.word_times or self._settings.segment_times

    def begin(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Begin work that ends with the session at the latest."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def close(self) -> None:
        """End what is under way. Work that failed meanwhile is dropped."""
        under_way = list(self._under_way)
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)
        for task in under_way:
            if not task.cancelled():
                task.exception()


def _without_words(transcript: Transcript) -> Transcript:
    """Drop words that a model gave unasked."""
    return replace(transcript, segments=tuple(replace(segment, words=()) for segment in transcript.segments))
