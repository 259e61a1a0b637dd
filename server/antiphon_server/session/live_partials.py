"""Partials by a model that listens while it is spoken; without it they come from the model of the finals."""

import asyncio
import time

from antiphon_server.engine.protocol import LiveTranscriber, LiveTranscript
from antiphon_server.errors import SpeechError
from antiphon_server.session.cadence import Cadence
from antiphon_server.session.events import Notice
from antiphon_server.session.hearing import UtteranceHearing
from antiphon_server.session.scribe import Scribe
from antiphon_server.session.settings import ListenSettings
from antiphon_server.session.stretch import TAIL_MS, Stretch

_FAILED = Notice(
    "SUBSTITUTED", "", "the model for partials failed; they come from the model of the finals from here on"
)


class LivePartials:
    """Shows a stretch as it grows, by a transcript of its own.

    The live model is used where it knows the language: the one that was asked for, else the one that the model of the
    finals heard last in this stream; so before its first words are written nothing is live. It does not translate.
    Should it fail, it is not asked again, and one notice says so.
    """

    def __init__(
        self, engine: LiveTranscriber | None, scribe: Scribe, settings: ListenSettings, cadence: Cadence
    ) -> None:
        """Begin without a stretch.

        Args:
            engine: None where there is none.
            scribe: Knows which language was heard.
            settings: How to listen.
            cadence: Shows partials.
        """
        has_use = settings.partial_interval_ms and not settings.is_translation
        self._engine = engine if has_use else None
        self._scribe = scribe
        self._settings = settings
        self._cadence = cadence
        self._languages: tuple[str, ...] = ()
        self._transcript: LiveTranscript | None = None
        self._dropped: list[LiveTranscript] = []
        self._task: asyncio.Task[None] | None = None
        self._pushed_ms = 0.0

    @property
    def is_on(self) -> bool:
        """Whether partials come from it now."""
        return self._engine is not None and (self._settings.language or self._scribe.language) in self._languages

    async def prepare(self) -> None:
        """Ask which languages it knows; to be called once, before all else."""
        if self._engine is None:
            return
        try:
            self._languages = (await self._engine.info()).languages
        except SpeechError:
            await self._give_up()

    def start(self, stretch: Stretch, hearing: UtteranceHearing) -> bool:
        """Begin to show what is new in a stretch; False if nothing is, or the time before has not ended."""
        if self._task is not None and not self._task.done():
            return False
        if self._transcript is not None and self._pushed_ms >= stretch.voice_end_ms + TAIL_MS:
            return False
        self._task = self._scribe.begin(self._show(stretch, hearing))
        return True

    def drop(self) -> None:
        """The stretch has ended, or is cut: the rest begins anew."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._transcript is not None:
            self._dropped.append(self._transcript)
            self._transcript = None

    async def close(self) -> None:
        """Free the transcripts; nothing may be under way."""
        self.drop()
        try:
            await self._free_dropped()
        except SpeechError:
            self._dropped.clear()  # its process is gone, and the transcripts with it

    async def _show(self, stretch: Stretch, hearing: UtteranceHearing) -> None:
        up_to_ms, asked_at = stretch.end_ms, time.monotonic()
        start_ms, _ = stretch.voiced(self._settings.prefix_padding_ms)
        pcm = stretch.since(start_ms if self._transcript is None else self._pushed_ms)
        try:
            text = await self._text(pcm)
        except SpeechError:
            await self._give_up()
            return
        self._pushed_ms = up_to_ms
        await self._cadence.show(hearing.partial(text, up_to_ms), up_to_ms, asked_at)

    async def _text(self, pcm: bytes) -> str:
        assert self._engine is not None
        await self._free_dropped()
        if self._transcript is None:
            self._transcript = await self._engine.open(self._settings.language or self._scribe.language)
        return await self._transcript.push(pcm)

    async def _free_dropped(self) -> None:
        while self._dropped:
            await self._dropped.pop().close()

    async def _give_up(self) -> None:
        self._engine = None
        await self._cadence.tell(_FAILED)
