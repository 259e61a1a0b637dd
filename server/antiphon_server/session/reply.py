"""One reply: the chat model writes, sentences are spoken as they are complete."""

import asyncio
import dataclasses
import time
from contextlib import aclosing

from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob, ChatModel
from antiphon_server.engine.protocol import Synthesizer
from antiphon_server.errors import UpstreamFailed
from antiphon_server.session.act import Act
from antiphon_server.session.delivery import Delivery, may_grow_into_directive, parse_delivery, split_directive
from antiphon_server.session.events import (
    AudioOut,
    DeliveryChosen,
    ReplyAudioBegan,
    ReplyAudioEnded,
    ReplyEnded,
    ReplySentence,
    Times,
    TurnEvent,
)
from antiphon_server.session.script import Script
from antiphon_server.session.sequence import CallSequence
from antiphon_server.session.settings import SpeechSettings
from antiphon_server.session.utterance import Utterance
from antiphon_server.text.segment import Segment, Segmenter, has_speech
from antiphon_server.text.tags import TagPolicy


class Reply:
    """Turns a chat job into text and sound."""

    def __init__(
        self,
        utterance_id: str,
        chat: ChatModel,
        synthesizer: Synthesizer | None,
        settings: SpeechSettings,
        delivery: str,
        sequence: CallSequence,
    ) -> None:
        """Begin a reply.

        Args:
            utterance_id: Unique in its conversation.
            chat: Writes it.
            synthesizer: Speaks it; None for text only.
            settings: How it is spoken; its tag policy says whether the model's tags count.
            delivery: "key=value" pairs used when the reply brings no directive of its own.
            sequence: Of the conversation.
        """
        self.id = utterance_id
        self._chat = chat
        self._synthesizer = synthesizer
        self._settings = settings
        self._fallback = delivery
        self._sequence = sequence
        self._script = Script(utterance_id, settings)
        self._ended_turn_at = time.monotonic()
        self._first_token_at: float | None = None
        self._base = Segment("")
        """What the delivery alone does to a segment."""
        self._end = ChatEnd()
        self._sentences: list[str] = []
        self.utterance: Utterance | None = None
        self.transcript_ms: float | None = None

    @property
    def text(self) -> str:
        """The reply so far, as spoken."""
        return " ".join(self._sentences)

    async def perform(self, job: ChatJob, act: Act[TurnEvent], *, turn_ended_at: float) -> None:
        """Write and speak the reply.

        Raises:
            UpstreamFailed: If the chat model answered nothing.
            SpeechError: Whatever an engine reports.
        """
        self._ended_turn_at = turn_ended_at
        writing = asyncio.create_task(self._write(job, act))
        try:
            async for segment, _ in self._script.segments():
                await self._speak(segment, act)
            await writing
        finally:
            writing.cancel()
            await asyncio.wait([writing])
        if not self._sentences:
            raise UpstreamFailed("the chat model gave an empty answer")
        await self._close(act)

    async def _write(self, job: ChatJob, act: Act[TurnEvent]) -> None:
        asked_at = time.monotonic()
        head: str | None = ""
        try:
            async with aclosing(self._chat.reply(job)) as items:
                async for item in items:
                    if isinstance(item, ChatEnd):
                        self._end = item
                        continue
                    if self._first_token_at is None:
                        self._first_token_at = time.monotonic() - asked_at
                    head = await self._take(item, head, act)
            if head:
                await self._begin(head, act)
        finally:
            self._script.close()

    async def _take(self, delta: ChatDelta, head: str | None, act: Act[TurnEvent]) -> str | None:
        if head is None:
            self._script.write(delta.text)
            return None
        head += delta.text
        if may_grow_into_directive(head):
            return head
        await self._begin(head, act)
        return None

    async def _begin(self, head: str, act: Act[TurnEvent]) -> None:
        """The start of the reply is known: resolve the delivery, then let the text through."""
        pairs, rest = split_directive(head)
        delivery = parse_delivery(pairs or self._fallback)
        self._base = _base_of(delivery)
        await act.send(DeliveryChosen(self.id, delivery.tokens, delivery.values))
        self._script.write(rest)

    async def _speak(self, segment: Segment, act: Act[TurnEvent]) -> None:
        if segment.text and not has_speech(segment.text):
            return
        if segment.text:
            gap = " " if self._sentences else ""
            self._sentences.append(segment.text)
            await act.send(ReplySentence(self.id, gap + segment.text))
        if self._synthesizer is None or self._speech_reason == "DEADLINE":
            return
        if self.utterance is None:
            self.utterance = Utterance(self.id, self._settings, self._sequence, accepted_at=self._ended_turn_at)
            await act.send(ReplyAudioBegan(self.id, self._settings.format.sample_rate_hz))
        async with aclosing(self.utterance.speak(self._delivered(segment), self._synthesizer)) as outs:
            async for out in outs:
                if isinstance(out, AudioOut):
                    await self._send_audio(self.utterance, out, act)
                else:
                    await act.send(out)

    @property
    def _speech_reason(self) -> str:
        return "STOP" if self.utterance is None else self.utterance.finish_reason

    async def _send_audio(self, utterance: Utterance, out: AudioOut, act: Act[TurnEvent]) -> None:
        await act.send(out, note=lambda: utterance.wrote(out))

    def _delivered(self, segment: Segment) -> Segment:
        """Apply the reply's delivery to a segment."""
        base = self._base
        return dataclasses.replace(
            segment,
            tags=(*base.tags, *segment.tags),
            speed_factor=base.speed_factor * segment.speed_factor,
            pitch_semitones=base.pitch_semitones + segment.pitch_semitones,
        )

    async def _close(self, act: Act[TurnEvent]) -> None:
        audio_ms, times = 0, Times(total_ms=(time.monotonic() - self._ended_turn_at) * 1000)
        if self.utterance is not None:
            if last := await self.utterance.finish():
                await self._send_audio(self.utterance, last, act)
            ended = self.utterance.ended()
            audio_ms, times = ended.audio_ms, ended.times
            await act.send(ReplyAudioEnded(self.id, ended.num_samples, ended.stall))
        await act.send(self._ended(audio_ms, times), is_last=True)

    def _ended(self, audio_ms: int, times: Times) -> ReplyEnded:
        first_ms = None if self._first_token_at is None else self._first_token_at * 1000
        return ReplyEnded(
            utterance_id=self.id,
            text=self.text,
            finish_reason=self._speech_reason if self._end.finish_reason == "STOP" else self._end.finish_reason,
            input_tokens=self._end.input_tokens,
            output_tokens=self._end.output_tokens,
            audio_ms=audio_ms,
            times=times,
            transcript_ms=self.transcript_ms,
            first_token_ms=first_ms,
        )


def _base_of(delivery: Delivery) -> Segment:
    probe = Segmenter("en", TagPolicy.CATALOGUE)
    return (probe.push(f"{delivery.tokens}x") + probe.flush())[-1]
