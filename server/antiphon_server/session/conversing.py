"""A Converse call: turns heard or typed, answered and spoken; one failure ends a turn, not the conversation."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from antiphon_server.engine.chat import ChatJob, ChatMessage, ChatModel
from antiphon_server.engine.protocol import Synthesizer
from antiphon_server.errors import SpeechError, StreamOrder, TextEmpty
from antiphon_server.session.act import Act
from antiphon_server.session.events import Notice, ReplyEnded, Times, TurnBroken, TurnEvent, TurnOver
from antiphon_server.session.listening import EndedUtterance, ListeningSession
from antiphon_server.session.reply import Reply
from antiphon_server.session.sequence import CallSequence
from antiphon_server.session.settings import SpeechSettings
from antiphon_server.session.speaking import unspoken

Emit = Callable[[TurnEvent], Awaitable[None]]
Turn = Callable[[Act[TurnEvent], Reply], Coroutine[Any, Any, None]]
_NO_REPLY = Notice("STALE_CONTROL", "cancel", "no reply is running, or it just ended")


@dataclass(frozen=True, slots=True)
class TalkSettings:
    """How to converse."""

    instructions: str
    delivery: str
    """"key=value" pairs for replies that bring none."""
    speech: SpeechSettings
    is_text_only: bool = False
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None


class ConversationSession:
    """Takes turns. One task feeds it; replies run in a task of their own, one at a time."""

    def __init__(
        self,
        listening: ListeningSession,
        chat: ChatModel,
        synthesizer: Synthesizer,
        settings: TalkSettings,
        history: list[ChatMessage],
        emit: Emit,
    ) -> None:
        """Begin with a history.

        Args:
            listening: Hears the person; its events go to the same ``emit``.
            chat: Answers.
            synthesizer: Speaks.
            settings: How to converse.
            history: Earlier messages, oldest first; grown by what was said, and for a cut reply by what was heard.
            emit: Takes events in order.
        """
        self.settings = settings
        self._listening = listening
        self._chat = chat
        self._synthesizer = synthesizer
        self._history = history
        self._emit = emit
        self._sequence = CallSequence()
        self._act: Act[TurnEvent] | None = None
        self._reply: Reply | None = None
        self._running: asyncio.Task[None] | None = None
        self._num_turns = 0
        self._said: list[str] = []
        """By the person, in utterances that voice activity ended since the last spoken turn's end."""
        self._cancel_asked_at = 0.0

    @property
    def is_replying(self) -> bool:
        """Whether a reply is under way."""
        return self._running is not None and not self._running.done()

    @property
    def _may_start(self) -> bool:
        """Whether a turn may begin: none is running, or the caller may have seen the last event of the one that is."""
        return not self.is_replying or (self._act is not None and self._act.is_ending)

    async def take(self, pcm: bytes) -> None:
        """Take audio of the person; what they said before a pause is of the turn that ends next."""
        self._said += [final.text for final in await self._listening.take(pcm) if final.has_speech]

    def clear(self) -> None:
        """Drop the audio of the turn so far."""
        self._listening.clear()
        self._said.clear()

    async def end_turn(self) -> None:
        """The person has finished speaking: write the turn down and reply. What follows is of the next turn."""
        if not self._may_start:
            await self._refuse_turn()
            return
        ended_at, said = time.monotonic(), self._said
        self._said = []
        # Behind the last pause there may be no voice; it would only make an empty final after those of the turn.
        is_open = self._listening.holds_utterance or not said
        ended = self._listening.end_utterance() if is_open else None
        await self._start(lambda act, reply: self._spoken_turn(said, ended, ended_at, act, reply))

    async def text_turn(self, text: str) -> None:
        """The person typed: reply."""
        if not text.strip():
            await self._fail(TextEmpty("text_turn.text must not be blank", field="text_turn.text"), "")
            return
        await self._start(lambda act, reply: self._typed_turn(text, act, reply))

    async def create_response(self, instructions: str) -> None:
        """Reply without a new turn."""
        await self._start(lambda act, reply: self._answer(act, reply, instructions, time.monotonic()))

    async def cancel(self) -> None:
        """Stop the running reply; answered by its receipt, or a warning if there is none."""
        if self._act is None or not self.is_replying or self._act.is_interrupted:
            await self._emit(_NO_REPLY)
            return
        self._cancel_asked_at = time.monotonic()
        self._act.interrupt()

    async def report_playback(self, utterance_id: str, samples_played: int) -> None:
        """Take the caller's word for what was heard of the running reply."""
        utterance = self._reply.utterance if self._reply is not None and self.is_replying else None
        if utterance is not None and utterance.id == utterance_id:
            utterance.playback.report(samples_played)
        else:
            await self._emit(
                Notice(
                    "STALE_CONTROL",
                    "playback_position.utterance_id",
                    "that reply is not being spoken any more, or not yet",
                )
            )

    async def refuse(self, broken: TurnBroken) -> None:
        """Say that something asked for cannot be done; the conversation goes on."""
        await self._emit(broken)

    async def note(self, notice: Notice) -> None:
        """Say that something asked for has no effect."""
        await self._emit(notice)

    async def wait(self) -> None:
        """Wait for the running reply."""
        if self._running is not None:
            await asyncio.wait([self._running])
            self._running.result()

    async def close(self) -> None:
        """Stop all work at once."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        await self._listening.close()

    async def _start(self, turn: Turn) -> None:
        if not self._may_start:
            await self._refuse_turn()
            return
        if self._running is not None:
            await asyncio.wait([self._running])  # its last event is out, and it is putting its things away
        self._num_turns += 1
        settings = self.settings
        synthesizer = None if settings.is_text_only else self._synthesizer
        reply = Reply(
            f"r{self._num_turns}", self._chat, synthesizer, settings.speech, settings.delivery, self._sequence
        )
        act: Act[TurnEvent] = Act(self._emit)
        self._act, self._reply = act, reply
        self._running = asyncio.create_task(self._run(turn, act, reply))

    async def _run(self, turn: Turn, act: Act[TurnEvent], reply: Reply) -> None:
        try:
            await self._emit(TurnOver(self._num_turns - 1, reply.id))  # also of a turn cancelled before it began
            is_complete = await act.run(turn(act, reply))
        except SpeechError as error:
            await self._fade_out(reply)
            act.is_ending = True
            await self._fail(error, reply.id)
            return
        if not is_complete:
            await self._cut(act, reply)
        elif act.is_interrupted:
            await self._emit(_NO_REPLY)

    async def _spoken_turn(
        self, said: list[str], ended: EndedUtterance | None, ended_at: float, act: Act[TurnEvent], reply: Reply
    ) -> None:
        """Answer what was said before the last pause and in the utterance ended now, if there is one."""
        if ended is not None and (final := await self._listening.write_down(ended)).has_speech:
            said = [*said, final.text]
        reply.transcript_ms = (time.monotonic() - ended_at) * 1000
        if not said:
            await act.send(_nothing_said(reply, ended_at), is_last=True)
            return
        self._history.append(ChatMessage("user", " ".join(said)))
        await self._answer(act, reply, "", ended_at)

    async def _typed_turn(self, text: str, act: Act[TurnEvent], reply: Reply) -> None:
        self._history.append(ChatMessage("user", text))
        await self._answer(act, reply, "", time.monotonic())

    async def _answer(self, act: Act[TurnEvent], reply: Reply, instructions: str, ended_at: float) -> None:
        settings = self.settings
        system = ChatMessage("system", instructions or settings.instructions)
        job = ChatJob(
            messages=((system,) if system.text else ()) + tuple(self._history),
            temperature=settings.temperature,
            top_p=settings.top_p,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
        )
        await reply.perform(job, act, turn_ended_at=ended_at)
        self._history.append(ChatMessage("assistant", reply.text))

    async def _fade_out(self, reply: Reply) -> None:
        if reply.utterance is not None and (last := await reply.utterance.fade_out()):
            await self._emit(last)
            reply.utterance.wrote(last)

    async def _cut(self, act: Act[TurnEvent], reply: Reply) -> None:
        stopped_ms = (time.monotonic() - self._cancel_asked_at) * 1000
        await self._fade_out(reply)
        act.is_ending = True
        utterance = reply.utterance
        receipt = unspoken(reply.id) if utterance is None else utterance.cut(stopped_after_ms=stopped_ms)
        if receipt.text_spoken:
            self._history.append(ChatMessage("assistant", receipt.text_spoken))
        await self._emit(receipt)

    async def _refuse_turn(self) -> None:
        await self._fail(StreamOrder("a reply is running; cancel it or wait for reply_done"), "")

    async def _fail(self, error: SpeechError, utterance_id: str) -> None:
        await self._emit(TurnBroken(error.reason, error.message, error.field, utterance_id))


def _nothing_said(reply: Reply, ended_at: float) -> ReplyEnded:
    times = Times(total_ms=(time.monotonic() - ended_at) * 1000)
    return ReplyEnded(reply.id, "", "STOP", 0, 0, 0, times, reply.transcript_ms, None)
