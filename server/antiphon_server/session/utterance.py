"""One utterance being spoken: engine samples in, bytes of the caller's format out, and the books that go with it."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from antiphon_server.engine.protocol import SpeechChunk, SpeechEnd, SpeechJob, Synthesizer
from antiphon_server.session.events import AudioOut, Notice, Times, UtteranceCut, UtteranceEnded
from antiphon_server.session.outlet import Outlet
from antiphon_server.session.playback import Playback
from antiphon_server.session.rendering import Rendering
from antiphon_server.session.sequence import CallSequence
from antiphon_server.session.settings import SpeechSettings
from antiphon_server.session.spoken import SpokenText
from antiphon_server.session.unrendered import unread
from antiphon_server.telemetry import metrics
from antiphon_server.text.segment import Segment, has_speech

_CHUNK_MS = 80


class Utterance:
    """Speaks segments one after the other through one outlet."""

    def __init__(
        self, utterance_id: str, settings: SpeechSettings, sequence: CallSequence, *, accepted_at: float
    ) -> None:
        """Open the outlet.

        Args:
            utterance_id: Unique in its call.
            settings: How to speak; the format stays, voice and delivery may be changed between segments.
            sequence: Of the call; the utterance before must have ended, or been cut.
            accepted_at: Monotonic seconds at which its first text was committed.
        """
        self.id = utterance_id
        self.settings = settings
        rate_hz = settings.format.sample_rate_hz
        self.playback = Playback(rate_hz)
        self._accepted_at = accepted_at
        self._outlet = Outlet(utterance_id, settings.native_rate_hz, settings.format)
        self._spoken = SpokenText(rate_hz)
        self._sequence = sequence
        self._replay = sequence.begin(settings)
        self._engine_began_at: float | None = None
        self._first_output_at: float | None = None
        self._engine_ms = 0.0
        self.finish_reason = "STOP"
        """Why it ended, of its segments: DEADLINE, after which none may follow, else the first that is not STOP."""
        self._num_segments = self._input_tokens = self._output_tokens = self._characters = 0
        self._input_audio_ms = 0
        self._native_generated = 0.0
        """Samples made, at the native rate and the pace at which they are heard."""

    async def speak(self, segment: Segment, synthesizer: Synthesizer) -> AsyncGenerator[AudioOut | Notice, None]:
        """Speak one segment. Closing the iterator stops the engine.

        Raises:
            SpeechError: Whatever the engine reports.
        """
        pause_ms = self._pause_ms(segment)
        self._replay.pause(pause_ms)
        async for silence in self._silence(pause_ms):
            yield silence
        if segment.text:
            self._spoken.begin(segment.text, self._outlet.num_encoded)
            async with aclosing(self._run_engine(segment, synthesizer)) as outs:
                async for out in outs:
                    yield out
            self._spoken.end(self._outlet.num_encoded)
        self._num_segments += 1

    async def finish(self) -> AudioOut | None:
        """Give the last sound, if any."""
        return await self._outlet.finish()

    async def fade_out(self) -> AudioOut | None:
        """Give a last short fade where the sound is cut, if there was any sound."""
        return await self._outlet.cut()

    def wrote(self, out: AudioOut) -> None:
        """Note that a chunk has left the server."""
        if self._first_output_at is None:
            self._first_output_at = time.monotonic()
            metrics.FIRST_AUDIO_MS.observe((self._first_output_at - self._accepted_at) * 1000)
        self.playback.wrote(out.num_samples)

    def ended(self) -> UtteranceEnded:
        """The books of a complete utterance."""
        rate_hz = self.settings.format.sample_rate_hz
        stall = self.playback.stall
        metrics.UNDERRUN_S.inc(stall.underrun_ms / 1000)
        metrics.AUDIO_OUT_S.inc(self._outlet.num_announced / rate_hz)
        self._sequence.end(self._replay, is_repeatable=self.finish_reason != "DEADLINE")
        return UtteranceEnded(
            utterance_id=self.id,
            finish_reason=self.finish_reason,
            seed=self.settings.seed,
            num_samples=self._outlet.num_announced,
            num_characters=self._characters,
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            input_audio_ms=self._input_audio_ms,
            audio_ms=round(self._outlet.num_announced * 1000 / rate_hz),
            times=self._times(),
            stall=stall,
            replay_token=self._replay.token,
            crc32=self._outlet.crc32,
        )

    def cut(self, *, stopped_after_ms: float) -> UtteranceCut:
        """The receipt of a cancellation, once the engine has stopped and the fade has left."""
        played, estimated = self.playback.heard()
        metrics.CANCEL_MS.observe(stopped_after_ms)
        rate_hz = self.settings.format.sample_rate_hz
        return UtteranceCut(
            utterance_id=self.id,
            samples_generated=max(
                self.playback.samples_sent, round(self._native_generated * rate_hz / self.settings.native_rate_hz)
            ),
            samples_sent=self.playback.samples_sent,
            samples_played=played,
            estimated=estimated,
            text_spoken=self._spoken.until(played),
            engine_stopped_after_ms=stopped_after_ms,
        )

    @property
    def text_spoken(self) -> str:
        """All text given to the engine so far."""
        return self._spoken.text

    async def _run_engine(self, segment: Segment, synthesizer: Synthesizer) -> AsyncGenerator[AudioOut | Notice, None]:
        job = self._job(segment)
        rendering = self._rendering(job)
        generated_before = self._native_generated
        began_at = time.monotonic()
        self._engine_began_at = self._engine_began_at or began_at
        async with aclosing(synthesizer.speak(job)) as items:
            async for item in items:
                if isinstance(item, SpeechChunk):
                    self._native_generated += len(item.pcm) / 2 / rendering.speed
                    for pcm in await rendering.push(item.pcm):
                        if out := await self._outlet.push(pcm):
                            yield out
                    continue
                for pcm in await rendering.finish():
                    if out := await self._outlet.push(pcm):
                        yield out
                if out := await self._outlet.settle(is_cut=item.finish_reason != "STOP"):
                    yield out
                self._end_segment(item, len(segment.text))
                if notice := self._left_out(item, segment.text, is_mute=self._native_generated == generated_before):
                    yield notice

    def _job(self, segment: Segment) -> SpeechJob:
        settings = self.settings
        job = SpeechJob(
            text=segment.text,
            voice=settings.voice_of(segment.speaker),
            sequence=self._sequence.id,
            language=settings.language,
            speed=settings.speed_of(segment),
            pitch_semitones=settings.pitch_of(segment),
            seed=(settings.seed + self._num_segments) & 0x7FFF_FFFF_FFFF_FFFF,
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            max_new_tokens=settings.max_new_tokens,
            tags=tuple(written[2:-2] for written in segment.tags),
            is_first=self._engine_began_at is None,
            caller=settings.caller,
            due_at=settings.due_at,
            reference=settings.reference_of(segment.speaker),
            previous=settings.previous,
            continuity=settings.continuity,
            max_context_segments=settings.max_context_segments,
            first_chunk_frames=settings.first_chunk_frames,
            options=settings.options,
        )
        self._replay.speak(job)
        return job

    def _rendering(self, job: SpeechJob) -> Rendering:
        settings = self.settings
        if settings.has_own_delivery:
            return Rendering(settings.native_rate_hz)
        return Rendering(settings.native_rate_hz, speed=job.speed, pitch_semitones=job.pitch_semitones)

    def _end_segment(self, end: SpeechEnd, num_characters: int) -> None:
        self._engine_ms += end.engine_ms
        self._input_tokens += end.input_tokens
        self._output_tokens += end.output_tokens
        self._input_audio_ms += end.input_audio_ms
        self._characters += num_characters
        if end.finish_reason == "DEADLINE" or self.finish_reason == "STOP":
            self.finish_reason = end.finish_reason

    def _left_out(self, end: SpeechEnd, text: str, *, is_mute: bool) -> Notice | None:
        model = self.settings.model
        if end.characters_dropped:
            return unread(end.characters_dropped, model)
        if is_mute and end.finish_reason == "STOP" and has_speech(text):
            return Notice(
                "TEXT_NOT_SPOKEN", "text", f"{model} made no sound of {len(text)} characters; they were left out"
            )
        return None

    def _pause_ms(self, segment: Segment) -> int:
        gap_ms = self.settings.segment_gap_ms if self._num_segments and segment.text else 0
        return segment.pause_before_ms + gap_ms

    async def _silence(self, pause_ms: int) -> AsyncGenerator[AudioOut, None]:
        samples = pause_ms * self.settings.native_rate_hz // 1000
        step = self.settings.native_rate_hz * _CHUNK_MS // 1000
        self._native_generated += samples
        for start in range(0, samples, step):
            if out := await self._outlet.push(bytes(2 * min(step, samples - start))):
                yield out

    def _times(self) -> Times:
        queue = None if self._engine_began_at is None else (self._engine_began_at - self._accepted_at) * 1000
        first = None if self._first_output_at is None else (self._first_output_at - self._accepted_at) * 1000
        return Times(queue, first, self._engine_ms, (time.monotonic() - self._accepted_at) * 1000)
