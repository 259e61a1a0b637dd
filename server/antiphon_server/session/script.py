"""Text on its way to becoming an utterance: segments that wait to be spoken."""

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import AsyncIterator

from antiphon_server.session.settings import SpeechSettings
from antiphon_server.text.normalize import normalize
from antiphon_server.text.segment import Segment, Segmenter, has_speech


class Script:
    """The segments of one utterance, written while they are already being spoken."""

    def __init__(self, utterance_id: str, settings: SpeechSettings) -> None:
        """Begin an empty script; ``settings`` say how text is cut, normalised and spoken."""
        self.id = utterance_id
        self.began_at = time.monotonic()
        self.is_closed = False
        self.is_cancelled = False
        self.num_waiting_characters = 0
        """Of segments that wait to be spoken."""
        self.num_open_characters = 0
        """Of text that cannot be spoken before more comes or the utterance is closed."""
        self.has_text = False
        """Whether any segment so far has text, whether it can be spoken or not."""
        self.has_speech = False
        """Whether any segment so far has something that can be spoken."""
        self._settings = settings
        self._segmenter = Segmenter(
            settings.language or "en", settings.tag_policy, mode=settings.segmentation, max_words=settings.max_words
        )
        self._held: list[Segment] = []
        self._segments: deque[tuple[Segment, SpeechSettings]] = deque()
        self._changed = asyncio.Event()

    def change(self, settings: SpeechSettings) -> None:
        """Speak by other settings what becomes a segment from now on, however much waits that became one before."""
        self._settings = settings

    def write(self, text: str, speaker: int = 0) -> None:
        """Take a part of a message; whole sentences become segments."""
        self.num_open_characters += len(text)
        segments = self._segmenter.push(text, speaker)
        if self._settings.commit == "FLUSH":
            self._held += segments
        else:
            self._add(segments)

    def end_message(self) -> None:
        """A message is complete; where messages commit, what is left of it becomes segments."""
        if self._settings.commit == "MESSAGE":
            self._add(self._segmenter.end_message())

    def close(self) -> None:
        """No more text comes; what is left becomes segments."""
        if not self.is_closed:
            self._add(self._held + self._segmenter.flush())
            self.is_closed = True
            self._changed.set()

    def abandon(self) -> None:
        """Drop what waits, and take nothing more."""
        self.drain()
        self.is_closed = True
        self._changed.set()

    @property
    def is_ready(self) -> bool:
        """Whether its segments may be taken: it is known to hold speech, or known to hold none."""
        return self.has_speech or self.is_closed

    def warnings(self) -> list[tuple[str, str]]:
        """Hand over what the segmenter found odd since the last time, as (code, message)."""
        return self._segmenter.drain_warnings()

    def drain(self) -> list[Segment]:
        """Hand over all segments written so far."""
        segments = [segment for segment, _ in self._segments]
        self._segments.clear()
        self.num_waiting_characters = 0
        return segments

    async def segments(self) -> AsyncIterator[tuple[Segment, SpeechSettings]]:
        """Yield segments as they are written, each with its settings, until the script is closed and empty.

        Those before the first speech wait for it, so that a script without any is known as such at its first segment.
        """
        while True:
            while self.is_ready and self._segments:
                segment, settings = self._segments.popleft()
                self.num_waiting_characters -= len(segment.text)
                yield segment, settings
            if self.is_closed:
                return
            self._changed.clear()
            await self._changed.wait()

    def _add(self, segments: list[Segment]) -> None:
        for segment in segments:
            ready = self._normalised(segment)
            self._segments.append((ready, self._settings))
            self.has_text = self.has_text or bool(ready.text)
            self.has_speech = self.has_speech or has_speech(ready.text)
            self.num_waiting_characters += len(ready.text)
        if segments and self.has_speech:
            self.num_open_characters = 0
        if segments:
            self._changed.set()

    def _normalised(self, segment: Segment) -> Segment:
        settings = self._settings
        if not (settings.markdown or settings.emoji or settings.urls):
            return segment
        text = normalize(segment.text, markdown=settings.markdown, emoji=settings.emoji, urls=settings.urls)
        return dataclasses.replace(segment, text=text)


def read_whole(text: str, settings: SpeechSettings) -> Script:
    """Cut a whole text without speaking it."""
    script = Script("whole", settings)
    script.write(text)
    script.close()
    return script
