"""Partials of the running utterance: when one is due, when its words are settled, and when it is the final."""

import asyncio
import time
from dataclasses import dataclass

from antiphon_server.engine.protocol import Transcript
from antiphon_server.session.cadence import Cadence
from antiphon_server.session.hearing import UtteranceHearing
from antiphon_server.session.live_partials import LivePartials
from antiphon_server.session.scribe import Scribe
from antiphon_server.session.settings import ListenSettings
from antiphon_server.session.stretch import Stretch

_PAUSE_MS = 200
"""Silence after which the end of the utterance is likely enough to write it down on trial."""
_LEAST_WAIT_MS = 100
"""Anybody waits for so long now and then."""
_SHORT_PAUSE_MS = 64
"""Silence after which the utterance may have ended: two windows of voice activity."""
_LEAST_VOICE_MS = 500
"""Since an utterance's first voice: models write nothing for less, or guess."""
_ENOUGH_MORE_MS = 1_000
"""With less than this after a pause, a model has not heard enough to change its mind about what was before it."""
_WIDE_STOPS = "\u3002\uff01\uff1f\u3001\uff0c"
"""What ends words in scripts without spaces."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A transcript under way or done of all that was heard of a stretch so far."""

    task: asyncio.Task[Transcript]
    start_ms: float
    voice_end_ms: float
    may_be_final: bool
    """It is written down as a final is, and waits no longer; finals have no times that it has not."""

    @property
    def heard(self) -> Transcript | None:
        """What was heard, once it is done.

        Raises:
            SpeechError: If it failed.
        """
        return self.task.result() if self.task.done() and not self.task.cancelled() else None


class Partials:
    """Has a stretch written down now and then, one run at a time, so a busy machine stretches the cadence."""

    def __init__(self, scribe: Scribe, live: LivePartials, settings: ListenSettings, cadence: Cadence) -> None:
        """Begin without one.

        Args:
            scribe: Writes down.
            live: Makes what is shown where it can; guesses are then made in pauses only, and not shown.
            settings: How to listen.
            cadence: Shows partials.
        """
        self._scribe = scribe
        self._live = live
        self._settings = settings
        self._cadence = cadence
        self._guess: Guess | None = None
        self._pause: Guess | None = None
        """The newest before it that was followed by a pause: its words end there."""
        self._is_before_pause = False
        """Whether that holds for ``_guess``."""
        self._shown_at = time.monotonic()

    def start_if_due(self, stretch: Stretch, hearing: UtteranceHearing) -> None:
        """Begin a partial if one is due and none is under way.

        One is due at the wanted interval while there is new voice, and at once when a pause begins: if the pause turns
        out to be the end, the final is already there. Where many listen, pauses are left alone: most are not the end,
        and whoever waits for a final would wait for all of their guesses.

        Raises:
            SpeechError: If the one before failed.
        """
        interval_ms = self._settings.partial_interval_ms
        if not interval_ms:
            return
        is_due = (time.monotonic() - self._shown_at) * 1000 >= interval_ms
        is_live = self._live.is_on
        if is_live and is_due and self._live.start(stretch, hearing):
            self._shown_at = time.monotonic()
        is_pause, may_be_final = self._is_pause(stretch), self._may_be_final(stretch)
        may_replace = is_pause and may_be_final
        has_news = stretch.voice_start_ms is not None and self._has_news(stretch, may_replace=may_replace)
        if has_news and ((is_pause and not self._is_busy) or (is_due and not is_live and _has_voice(stretch))):
            self._start(stretch, hearing, is_shown=not is_live, may_be_final=may_be_final)
        if is_pause and self._guess is not None and self._guess.voice_end_ms == stretch.voice_end_ms:
            self._is_before_pause = True

    def agreed(self, stretch: Stretch) -> Guess | None:
        """Find words to settle: of the audio up to a pause, and just the same with what was spoken after it heard too.

        Audio can be cut in that pause without changing what is written for it. While the newest partial may still
        become the final, it is left whole.

        Raises:
            SpeechError: If the newest partial failed.
        """
        pause, newest = self._pause, self._guess
        if pause is None or newest is None or stretch.voice_end_ms <= newest.voice_end_ms:
            return None
        if newest.voice_end_ms - pause.voice_end_ms < _ENOUGH_MORE_MS:
            return None
        earlier, later = pause.heard, newest.heard
        is_agreed = earlier is not None and later is not None and _is_beginning(earlier.text, later.text)
        return pause if is_agreed else None

    def take(self) -> Guess | None:
        """Hand the newest guess over: its stretch has ended."""
        guess, self._guess, self._pause = self._guess, None, None
        self._is_before_pause = False
        self._live.drop()
        return guess

    def _has_news(self, stretch: Stretch, *, may_replace: bool) -> bool:
        guess = self._guess
        if guess is not None and guess.task.done() and not guess.task.cancelled():
            guess.task.result()
        if guess is None or (may_replace and not guess.may_be_final):
            return True
        return guess.task.done() and stretch.voice_end_ms > guess.voice_end_ms

    def _is_pause(self, stretch: Stretch, least_ms: float = _PAUSE_MS) -> bool:
        is_live = self._cadence.is_live(stretch.end_ms, time.monotonic())
        return is_live and stretch.end_ms - stretch.voice_end_ms >= least_ms

    @property
    def _is_busy(self) -> bool:
        """Whether a guess would wait for as long as it begins before the final: then it only makes others wait."""
        return self._scribe.waited_ms > max(_LEAST_WAIT_MS, self._settings.silence_ms - _PAUSE_MS)

    def _may_be_final(self, stretch: Stretch) -> bool:
        has_times = self._scribe.has_times
        return not has_times and not self._is_busy and self._is_pause(stretch, _SHORT_PAUSE_MS)

    def _start(self, stretch: Stretch, hearing: UtteranceHearing, *, is_shown: bool, may_be_final: bool) -> None:
        if self._guess is not None and not self._guess.task.done():
            self._guess.task.cancel()  # it waits for everybody else's finals, and would have to be followed by this one
        elif self._is_before_pause:
            self._pause, self._is_before_pause = self._guess, False
        if is_shown:
            self._shown_at = time.monotonic()
        _, pcm = stretch.voiced(self._settings.prefix_padding_ms)  # now: it may be split before the task begins
        task = self._scribe.begin(
            self._make(stretch.end_ms, pcm, hearing, is_shown=is_shown, may_be_final=may_be_final)
        )
        self._guess = Guess(task, stretch.start_ms, stretch.voice_end_ms, may_be_final)

    async def _make(
        self, up_to_ms: float, pcm: bytes, hearing: UtteranceHearing, *, is_shown: bool, may_be_final: bool
    ) -> Transcript:
        asked_at = time.monotonic()
        transcript = await self._scribe.transcribe(pcm, is_partial=True, is_likely_final=may_be_final)
        if is_shown:
            await self._cadence.show(hearing.partial(transcript.text, up_to_ms), up_to_ms, asked_at)
        return transcript


async def outcome(guess: Guess | None, stretch: Stretch | None) -> Transcript | None:
    """End a guess; its transcript if it heard all voice of ``stretch`` and may be the final, else None."""
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
    return guess.heard if is_whole else None


def _has_voice(stretch: Stretch) -> bool:
    began_ms = stretch.voice_start_ms
    return began_ms is not None and stretch.end_ms - began_ms >= _LEAST_VOICE_MS


def _is_beginning(text: str, longer: str) -> bool:
    """Whether ``longer`` is ``text`` and further words; a full stop that is gone now was a guess at the end."""
    rest = longer[len(text) :]
    if not text or not rest.strip() or not longer.startswith(text):
        return False
    return rest[0].isspace() or text[-1] in _WIDE_STOPS
