"""A Transcribe call: audio in, voice decisions, partials and finals out.

The utterance's audio is a ``Stretch``. One longer than a model's window is written down piece by piece, cut where
there is the least voice; those pieces are settled and never change. Memory stays bounded however long the stream is.
"""

import time
from dataclasses import dataclass

from antiphon_server.engine.protocol import (
    LISTENING_RATE_HZ,
    LiveTranscriber,
    Transcriber,
    VoiceActivity,
    VoiceActivityStream,
)
from antiphon_server.errors import AudioTooLong
from antiphon_server.session.cadence import Cadence, Emit
from antiphon_server.session.events import FinalHeard, Times, VoiceBegan, VoiceStopped
from antiphon_server.session.hearing import UtteranceHearing
from antiphon_server.session.live_partials import LivePartials
from antiphon_server.session.partials import Guess, Partials
from antiphon_server.session.pieces import Pieces
from antiphon_server.session.scribe import Scribe
from antiphon_server.session.settings import ListenSettings
from antiphon_server.session.stretch import Stretch, quietest_ms
from antiphon_server.session.voicegate import WINDOW_MS, VoiceGate
from antiphon_server.telemetry import metrics

_BYTES_PER_MS = LISTENING_RATE_HZ * 2 // 1000
_LOOK_BACK_MS = 6_000
"""How far before the longest piece's end a quiet place to cut is looked for: every piece costs a whole window."""
_GOOD_LIVE_PIECE_MS = 15_000
"""From here on a pause is a welcome place to cut where somebody reads along."""
_SCORE_BYTES = 32_000
"""One second at a time goes to the voice model, so that a whole file does not hold it up for others."""


@dataclass(frozen=True, slots=True)
class EndedUtterance:
    """An utterance whose audio is complete and that is not written down yet."""

    stretch: Stretch
    end: str
    """PAUSE or AUDIO."""
    hearing: UtteranceHearing
    pieces: Pieces
    guess: Guess | None
    """Its partial under way or done."""
    asked_at: float
    """Monotonic seconds at which its end was asked for."""


class ListeningSession:
    """Turns audio into transcripts. One task feeds it; finals and partials are emitted from that task's calls."""

    def __init__(
        self,
        transcriber: Transcriber,
        voice_activity: VoiceActivity,
        settings: ListenSettings,
        emit: Emit,
        live: LiveTranscriber | None = None,
    ) -> None:
        """Begin without audio.

        Args:
            transcriber: Writes stretches down.
            voice_activity: Scores windows.
            settings: How to listen.
            emit: Takes events in order.
            live: Writes partials in the languages it knows; finals are always the transcriber's.
        """
        self._scribe = Scribe(transcriber, settings)
        cadence = Cadence(settings.partial_interval_ms, emit)
        self._live = LivePartials(live, self._scribe, settings, cadence)
        self._partials = Partials(self._scribe, self._live, settings, cadence)
        self._voice_activity = voice_activity
        self._settings = settings
        self._emit = emit
        self._voice: VoiceActivityStream | None = None
        self._gate = VoiceGate(settings.threshold, settings.silence_ms, settings.min_speech_ms)
        self._stretch = Stretch()
        self._begin_utterance(0)
        self._bytes_taken = 0
        self.input_tokens = self.output_tokens = 0
        """Of what stands in finals."""

    @property
    def engine_ms(self) -> float:
        """Time the transcriber took so far, partials counted in."""
        return self._scribe.engine_ms

    @property
    def audio_ms(self) -> int:
        """Length of the audio taken so far."""
        return self._bytes_taken // _BYTES_PER_MS

    @property
    def holds_utterance(self) -> bool:
        """Whether there is an utterance to end: voice activity, where it decides, has heard voice in this one."""
        return not self._settings.is_automatic or self._stretch.voice_start_ms is not None

    async def take(self, pcm: bytes) -> list[FinalHeard]:
        """Take samples, 16 000 Hz s16le; return the finals of utterances that a pause in them ended, once emitted.

        Raises:
            AudioTooLong: If the stream is now longer than the limit.
            SpeechError: Whatever an engine reports.
        """
        finals: list[FinalHeard] = []
        for start in range(0, len(pcm), _SCORE_BYTES):
            finals += await self._take_piece(pcm[start : start + _SCORE_BYTES])
        return finals

    async def flush(self) -> FinalHeard:
        """End the utterance here; emit and return its final. Audio taken meanwhile belongs to the next one."""
        return await self.write_down(self.end_utterance())

    def end_utterance(self) -> EndedUtterance:
        """End the utterance here without writing it down yet; what is taken from now on belongs to the next one."""
        return self._end_at(self._stretch.end_ms, "AUDIO")

    async def write_down(self, ended: EndedUtterance) -> FinalHeard:
        """Emit and return the final of an ended utterance.

        Raises:
            SpeechError: Whatever an engine reports.
        """
        hearing, pieces = ended.hearing, ended.pieces
        try:
            await pieces.add(ended.stretch, ended.end, ended.guess)
            await pieces.settle()
        finally:
            pieces.drop()
        self.input_tokens += hearing.input_tokens
        self.output_tokens += hearing.output_tokens
        final = hearing.final(ended.stretch.end_ms, self._times(ended.asked_at, hearing))
        notice = hearing.notice()
        if notice is not None:
            await self._emit(notice)
        await self._emit(final)
        return final

    async def finish(self) -> FinalHeard | None:
        """End the stream; emit the last final, unless voice activity already ended the last utterance."""
        if self._gate.is_speaking:
            await self._emit(VoiceStopped(round(self._gate.last_voice_ms)))
            self._gate.is_speaking = False
        final = None
        if self.holds_utterance or self._hearing.index == 0:
            final = await self.flush()
        await self.close()
        return final

    def clear(self) -> None:
        """Drop the audio of the utterance so far."""
        guess = self._partials.take()
        if guess is not None:
            guess.task.cancel()
        self._pieces.drop()
        self._stretch = Stretch(self._stretch.end_ms)
        self._begin_utterance(self._hearing.index)

    async def close(self) -> None:
        """Stop all work and free the voice model's state. A partial that failed meanwhile is dropped."""
        self._partials.take()
        await self._scribe.close()
        await self._live.close()
        if self._voice is not None:
            voice, self._voice = self._voice, None
            await voice.close()

    async def _take_piece(self, pcm: bytes) -> list[FinalHeard]:
        self._bytes_taken += len(pcm)
        if self.audio_ms > self._settings.max_audio_ms:
            limit_s = self._settings.max_audio_ms / 1000
            raise AudioTooLong(f"audio must be at most {limit_s:g} s; more than that has arrived", field="audio")
        metrics.AUDIO_IN_S.inc(len(pcm) / _BYTES_PER_MS / 1000)
        self._stretch.pcm += pcm
        if self._voice is None:
            self._voice = await self._voice_activity.open()
            await self._live.prepare()
        probabilities = await self._voice.score(pcm)
        self._stretch.count(probabilities, self._settings.threshold)
        finals = await self._decide(probabilities)
        if self._gate.is_speaking or self._stretch.voice_start_ms is not None:
            await self._cut_if_long()
            await self._cut_where_agreed()
            self._partials.start_if_due(self._stretch, self._hearing)
        else:
            self._stretch.drop_silence(self._settings.prefix_padding_ms + int(2 * WINDOW_MS))
            self._gate.forget()
        return finals

    async def _decide(self, probabilities: list[float]) -> list[FinalHeard]:
        finals: list[FinalHeard] = []
        changes = self._gate.take(probabilities)
        if self._gate.is_speaking or changes:
            self._hearing.begin_voice()
        if self._gate.is_speaking:
            start_ms = next((c.at_ms for c in changes if c.is_start), self._gate.last_voice_ms)
            self._stretch.hear(start_ms, self._gate.last_voice_ms)
        for change in changes:
            if change.is_start:
                self._stretch.hear(change.at_ms, self._gate.last_voice_ms)
                await self._emit(VoiceBegan(change.at_ms))
            else:
                self._stretch.hear(change.at_ms, change.at_ms)
                await self._emit(VoiceStopped(change.at_ms))
                finals += await self._pause(change.at_ms + self._settings.silence_ms)
        return finals

    async def _pause(self, decided_at_ms: float) -> list[FinalHeard]:
        """Someone stopped speaking: an utterance ends, or a long piece may be cut; audio after that is kept."""
        at_ms = min(decided_at_ms, self._stretch.end_ms)
        if self._settings.is_automatic:
            return [await self.write_down(self._end_at(at_ms, "PAUSE"))]
        if self._settings.partial_interval_ms and at_ms - self._stretch.start_ms >= _GOOD_LIVE_PIECE_MS:
            await self._commit(at_ms, "PAUSE")
        return []

    def _end_at(self, at_ms: float, end: str) -> EndedUtterance:
        guess, stretch = self._partials.take(), self._stretch.split(at_ms)
        ended = EndedUtterance(stretch, end, self._hearing, self._pieces, guess, time.monotonic())
        self._gate.forget()
        self._begin_utterance(ended.hearing.index + 1)
        return ended

    def _begin_utterance(self, index: int) -> None:
        self._hearing = UtteranceHearing(index, self._stretch.start_ms)
        self._pieces = Pieces(self._scribe, self._hearing, self._settings.prefix_padding_ms)

    async def _cut_if_long(self) -> None:
        longest_ms = (await self._scribe.info()).max_piece_ms
        if self._stretch.length_ms >= longest_ms:
            to_ms = self._stretch.start_ms + longest_ms
            from_ms = to_ms - min(_LOOK_BACK_MS, longest_ms / 2)
            at_ms = quietest_ms(self._gate.scores, self._stretch.end_ms, from_ms=from_ms, to_ms=to_ms)
            await self._commit(at_ms, "LENGTH")

    async def _cut_where_agreed(self) -> None:
        """Settle what was said up to a pause, if the words stay the same with what follows; the next partial says so.

        Hardly anything is lost by the cut: a model that needs what follows to understand what was before writes it
        anew, and then the two are not the same.
        """
        guess = self._partials.agreed(self._stretch)
        if guess is None:
            return
        self._partials.take()
        pause_ms, resumed_ms = guess.voice_end_ms, self._gate.resumed_ms(guess.voice_end_ms)
        at_ms = max((pause_ms + resumed_ms) / 2, resumed_ms - self._settings.prefix_padding_ms)
        stretch = self._stretch.split(at_ms)
        stretch.voice_end_ms = pause_ms
        self._gate.forget()
        await self._pieces.add(stretch, "PAUSE", guess)
        await self._pieces.settle()

    async def _commit(self, at_ms: float, end: str) -> None:
        """Have a piece written down; where partials are wanted, wait for it and say at once what is settled now."""
        guess, stretch = self._partials.take(), self._stretch.split(at_ms)
        self._gate.forget()
        await self._pieces.add(stretch, end, guess)
        if not self._settings.partial_interval_ms:
            return
        await self._pieces.settle()
        settled = self._hearing.partial("", at_ms)
        if settled is not None:
            await self._emit(settled)

    def _times(self, asked_at: float, hearing: UtteranceHearing) -> Times:
        ms = (time.monotonic() - asked_at) * 1000
        metrics.FINAL_MS.observe(ms)
        return Times(first_output_ms=ms, engine_ms=hearing.engine_ms, total_ms=ms)
