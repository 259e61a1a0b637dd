"""Partials of the running utterance: when one is due, and when one is as good as the final."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from antiphon_server.engine.protocol import Transcript
from antiphon_server.session.events import ListenEvent
from antiphon_server.session.hearing import UtteranceHearing
from antiphon_server.session.scribe import Scribe
from antiphon_server.session.settings import ListenSettings
from antiphon_server.session.stretch import Stretch

Emit = Callable[[ListenEvent], Awaitable[None]]

_MAX_AHEAD_MS = 2_000
"""Audio further ahead of the clock is not spoken now: its pauses say nothing of when it ends."""
_PAUSE_MS = 200
"""Silence after which the end of the utterance is likely enough to write it down on trial."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A partial under way or done, and the voice it heard."""

    task: asyncio.Task[Transcript | None]
    start_ms: float
    voice_end_ms: float
    may_be_final: bool = True
    """False where finals have times that partials have not."""


class Partials:
    """Makes partials of a stretch, at most one at a time, so a busy machine stretches the cadence."""

    def __init__(self, scribe: Scribe, settings: ListenSettings, emit: Emit) -> None:
        """Begin without one."""
        self._scribe = scribe
        self._settings = settings
        self._emit = emit
        self._guess: Guess | None = None
        self._began_at = self._guess_began_at = time.monotonic()

    def start_if_due(self, stretch: Stretch, hearing: UtteranceHearing) -> None:
        """Begin a partial if one is due and none is under way.

        One is due at the wanted interval while there is new voice, and at once when a pause begins: if the pause turns
        out to be the end, the final is already there.

        Raises:
            SpeechError: If the one before failed.
        """
        interval_ms = self._settings.partial_interval_ms
        guess = self._guess
        if not interval_ms or (guess is not None and not guess.task.done()):
            return
        if guess is not None and not guess.task.cancelled():
            guess.task.result()
        has_news = guess is None or stretch.voice_end_ms > guess.voice_end_ms
        is_due = (time.monotonic() - self._guess_began_at) * 1000 >= interval_ms
        if has_news and (is_due or self._is_pause(stretch)):
            self._guess_began_at = time.monotonic()
            task = self._scribe.begin(self._make(stretch, hearing))
            may_be_final = not (self._settings.word_times or self._settings.segment_times)
            self._guess = Guess(task, stretch.start_ms, stretch.voice_end_ms, may_be_final)

    def take(self) -> Guess | None:
        """Hand the newest partial over: its stretch has ended."""
        guess, self._guess = self._guess, None
        return guess

    def _is_pause(self, stretch: Stretch) -> bool:
        is_live = stretch.end_ms <= (time.monotonic() - self._began_at) * 1000 + _MAX_AHEAD_MS
        return is_live and stretch.end_ms - stretch.voice_end_ms >= _PAUSE_MS

    async def _make(self, stretch: Stretch, hearing: UtteranceHearing) -> Transcript | None:
        up_to_ms = stretch.end_ms
        _, pcm = stretch.voiced(self._settings.prefix_padding_ms)
        if not pcm:
            return None
        transcript = await self._scribe.transcribe(pcm, is_partial=True)
        partial = hearing.partial(transcript.text, up_to_ms)
        if partial is not None:
            await asyncio.shield(asyncio.ensure_future(self._emit(partial)))  # a write is never cancelled half-way
        return transcript


async def outcome(guess: Guess | None, stretch: Stretch | None) -> Transcript | None:
    """End a partial; its transcript if it heard all voice of ``stretch`` and may be the final, else None."""
    if guess is None:
        return None
    is_whole = (
        stretch is not None
        and guess.may_be_final
        and (guess.start_ms, guess.voice_end_ms) == (stretch.start_ms, stretch.voice_end_ms)
    )
    if not is_whole:
        guess.task.cancel()
    await asyncio.wait([guess.task])
    transcript = None if guess.task.cancelled() else guess.task.result()
    return transcript if is_whole else None
