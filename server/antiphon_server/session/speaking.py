"""A Synthesize call: utterances spoken one after the other, cancelled by name, reported truthfully."""

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from antiphon_server.engine.protocol import Synthesizer
from antiphon_server.errors import InvalidField, SpeechError, TextEmpty, TextTooLong
from antiphon_server.session.act import Act
from antiphon_server.session.events import AudioOut, Notice, SpeechEvent, UtteranceBegan, UtteranceCut
from antiphon_server.session.script import Script
from antiphon_server.session.sequence import CallSequence
from antiphon_server.session.settings import SpeechSettings, SpeechUpdate
from antiphon_server.session.unrendered import unrendered
from antiphon_server.session.utterance import Utterance
from antiphon_server.text.segment import Segment

Emit = Callable[[SpeechEvent], Awaitable[None]]

_SLICE_CHARACTERS = 8_192
"""Text cut at once; more would hold up everyone else's audio for longer than a few milliseconds."""
NOTHING_TO_SAY = "text has nothing that can be spoken: no letter, no digit and no sign that is read"
STALE_CANCEL = Notice("STALE_CONTROL", "cancel.utterance_id", "there is no such utterance to cancel, or it just ended")


def unspoken(utterance_id: str) -> UtteranceCut:
    """Receipt of an utterance that was cancelled before any of it was spoken."""
    return UtteranceCut(utterance_id, 0, 0, 0, estimated=False, text_spoken="", engine_stopped_after_ms=0.0)


class SpeechSession:
    """Turns text increments into utterances. One task calls ``run``; another feeds it."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        settings: SpeechSettings,
        emit: Emit,
        *,
        max_pending_characters: int = 1_048_576,
    ) -> None:
        """Begin without text.

        Args:
            synthesizer: The engine.
            settings: How to speak.
            emit: Takes events in order; returns when the event has left the server.
            max_pending_characters: Text that may wait; ``add_text`` waits while there is more.
        """
        self._synthesizer = synthesizer
        self._settings = settings
        self._emit = emit
        self._max_pending = max_pending_characters
        self._scripts: deque[Script] = deque()
        self._script: Script | None = None
        self._utterance: Utterance | None = None
        self._act: Act[SpeechEvent] | None = None
        self._sequence = CallSequence()
        self._cancel_asked_at = 0.0
        self._is_late = False
        self.is_speaking = False
        self._is_finished = self._had_text = False
        self._has_told = False
        """Whether an utterance's end, or its receipt, was told; then the call does not fail for having said nothing."""
        self._mute_reason = ""
        """Why the engine ended an utterance without a sound, where that fails the call."""
        self._last: Script | None = None
        """The one that ``finish`` closed."""
        self._num_utterances = 0
        self._changed = asyncio.Event()
        self._warned_tags: set[str] = set()

    async def add_text(self, text: str, speaker: int = 0) -> None:
        """Take text for the open utterance; opens one if there is none. Waits while too much is pending."""
        self._had_text = True
        script = self._open_script()
        if script is None:
            if not text.strip():
                return
            script = self._new_script()
        for start in range(0, len(text), _SLICE_CHARACTERS):
            script.write(text[start : start + _SLICE_CHARACTERS], speaker)
            self._changed.set()
            self._check_open(script)
            await asyncio.sleep(0)
        script.end_message()
        self._changed.set()
        await self._warn(script)
        while self._pending() > self._max_pending:
            self._changed.clear()
            await self._changed.wait()

    def _check_open(self, script: Script) -> None:
        if script.num_open_characters > self._max_pending:
            raise TextTooLong(
                f"text must be flushed after at most {self._max_pending} characters that cannot be spoken yet, "
                f"not {script.num_open_characters}",
                field="text",
            )

    async def flush(self) -> None:
        """End the open utterance where it is. Nothing given: no effect."""
        if script := self._open_script():
            script.close()
            await self._warn(script)
            self._changed.set()

    async def finish(self) -> None:
        """No more text comes: speak what is left, then end."""
        self._last = self._open_script()
        await self.flush()
        self._is_finished = True
        self._changed.set()

    async def cancel(self, utterance_id: str = "") -> None:
        """Drop one utterance, or without an id everything that is there. Answers a receipt or a warning."""
        asked_at = time.monotonic()
        doomed = [s for s in self._all_scripts() if utterance_id in ("", s.id) and not s.is_cancelled]
        if not doomed:
            await self._emit(STALE_CANCEL)
        waiting = [script for script in doomed if script is not self._script]
        for script in doomed:
            script.is_cancelled = script.is_closed = True
        for script in waiting:
            self._scripts.remove(script)
        if len(waiting) < len(doomed) and self._act is not None:
            self._cancel_asked_at = asked_at
            self._act.interrupt()
        self._changed.set()
        for script in waiting:
            self._has_told = True
            await self._emit(unspoken(script.id))

    async def report_playback(self, utterance_id: str, samples_played: int) -> None:
        """Take the caller's word for what was heard.

        Raises:
            InvalidField: If the position cannot be true.
        """
        if self._utterance is not None and self._utterance.id == utterance_id:
            self._utterance.playback.report(samples_played)
        else:
            message = "the utterance is not being spoken any more, or not yet"
            await self._emit(Notice("STALE_CONTROL", "playback_position.utterance_id", message))

    def update(self, change: SpeechUpdate) -> None:
        """Change voice or delivery of text that is not a segment yet; segments keep theirs, though unspoken yet."""
        self._settings = self._settings.changed(change)
        if script := self._open_script():
            script.change(self._settings)

    async def run(self) -> None:
        """Speak until ``finish`` was called and everything is said or cancelled.

        Of a call without a sound, the error takes the place of the last utterance's end and never follows one: an
        utterance that a flush ended has been told as complete by then, with a warning.

        Raises:
            TextEmpty: If text was given and none of it can be spoken, or the engine made no sound of it.
            InvalidField: If the limit of frames ended all of it before the first sound.
            SpeechError: Whatever the engine reports.
        """
        while (script := await self._next_script()) is not None:
            await self._perform(script)
        if self._had_text and not self._has_told:
            raise self._nothing_heard()

    def _nothing_heard(self) -> SpeechError:
        if not self._mute_reason:
            return TextEmpty(NOTHING_TO_SAY, field="text")
        if self._mute_reason == "LENGTH":
            field = "config.sampling.max_new_tokens"
            limit = self._settings.max_new_tokens
            return InvalidField(f"{field} ends the speech before its first sound: it is {limit}", field=field)
        message = f"text has nothing that {self._settings.model} can speak; choose a model that reads its script"
        return TextEmpty(message, field="text")

    async def _perform(self, script: Script) -> None:
        self._script = script
        act = self._act = Act(self._emit)
        try:
            is_complete = await act.run(self._speak(script, act))
        except SpeechError:
            await self._fade_out()
            raise
        finally:
            self._script = self._act = None
        if not is_complete:
            await self._cut(script)
            return
        self._utterance = None
        if act.is_interrupted:
            await self._emit(STALE_CANCEL)

    async def _cut(self, script: Script) -> None:
        self._has_told = True
        stopped_ms = (time.monotonic() - self._cancel_asked_at) * 1000
        await self._fade_out()
        utterance, self._utterance = self._utterance, None
        await self._emit(unspoken(script.id) if utterance is None else utterance.cut(stopped_after_ms=stopped_ms))

    async def _fade_out(self) -> None:
        if self._utterance is not None and (last := await self._utterance.fade_out()):
            await self._emit(last)
            self._utterance.wrote(last)

    async def _speak(self, script: Script, act: Act[SpeechEvent]) -> None:
        async for segment, settings in script.segments():
            if not script.has_speech and self._is_only(script):
                return
            utterance = self._utterance or await self._begin(script, settings, act)
            utterance.settings = settings
            if not self._is_late:
                await self._note_unrendered(segment.tags, act)
                audible = segment if script.has_speech else dataclasses.replace(segment, text="")
                await self._speak_segment(utterance, audible, act)
            self._keep_deadline(utterance, script)
            self._changed.set()
        if self._utterance is not None:
            await self._end(self._utterance, script, act)

    def _is_only(self, script: Script) -> bool:
        """Whether the call fails if this script makes no sound: nothing was told before it, and nothing comes after."""
        return script is self._last and not self._has_told

    async def _begin(self, script: Script, settings: SpeechSettings, act: Act[SpeechEvent]) -> Utterance:
        utterance = self._utterance = Utterance(script.id, settings, self._sequence, accepted_at=script.began_at)
        await act.send(UtteranceBegan(script.id))
        if script.has_text and not script.has_speech:
            message = f"utterance {script.id} has no letter, no digit and no sign that is read; its text was left out"
            await act.send(Notice("TEXT_NOT_SPOKEN", "text", message))
        return utterance

    async def _end(self, utterance: Utterance, script: Script, act: Act[SpeechEvent]) -> None:
        if last := await utterance.finish():
            await self._send_audio(utterance, last, act)
        ended = utterance.ended()
        if self._is_only(script) and not (ended.num_samples or self._is_late):
            self._mute_reason = ended.finish_reason
            return
        self._has_told = True
        await act.send(ended, is_last=True)

    def _keep_deadline(self, utterance: Utterance, script: Script) -> None:
        """Speak nothing more in this call once the engine has found that its sound would come too late."""
        self._is_late = self._is_late or utterance.finish_reason == "DEADLINE"
        if self._is_late:
            utterance.finish_reason = "DEADLINE"
            script.abandon()

    async def _speak_segment(self, utterance: Utterance, segment: Segment, act: Act[SpeechEvent]) -> None:
        self.is_speaking = True
        try:
            async with aclosing(utterance.speak(segment, self._synthesizer)) as outs:
                async for out in outs:
                    if isinstance(out, AudioOut):
                        await self._send_audio(utterance, out, act)
                    else:
                        await act.send(out)
        finally:
            self.is_speaking = False

    async def _send_audio(self, utterance: Utterance, out: AudioOut, act: Act[SpeechEvent]) -> None:
        await act.send(out, note=lambda: utterance.wrote(out))

    async def _next_script(self) -> Script | None:
        while True:
            if self._scripts:
                return self._scripts.popleft()
            if self._is_finished:
                return None
            self._changed.clear()
            await self._changed.wait()

    def _open_script(self) -> Script | None:
        last = self._scripts[-1] if self._scripts else self._script
        return last if last is not None and not last.is_closed else None

    def _new_script(self) -> Script:
        self._num_utterances += 1
        script = Script(f"u{self._num_utterances}", self._settings)
        self._scripts.append(script)
        return script

    def _all_scripts(self) -> list[Script]:
        return ([self._script] if self._script else []) + list(self._scripts)

    def _pending(self) -> int:
        return sum(script.num_waiting_characters for script in self._all_scripts() if script.is_ready)

    async def _warn(self, script: Script) -> None:
        for code, message in script.warnings():
            await self._emit(Notice(code, "text.text", message))

    async def _note_unrendered(self, tags: tuple[str, ...], act: Act[SpeechEvent]) -> None:
        for notice in unrendered(tags, self._settings, self._warned_tags, field="text.text"):
            await act.send(notice)
