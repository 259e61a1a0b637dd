"""Conversations on engines in this process."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob, ChatMessage
from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.errors import UpstreamFailed
from antiphon_server.session.conversing import ConversationSession, TalkSettings
from antiphon_server.session.listening import ListeningSession
from support.scripted import ListenScript, ScriptedTranscriber, ScriptedVoiceActivity, VoiceScript
from support.sessions import EchoSynthesizer, Events, listen_settings, speech_settings


class Chat:
    """Answers in pieces; the piece None is a failure."""

    def __init__(self, *pieces: str | None) -> None:
        self._pieces = pieces
        self.jobs: list[ChatJob] = []
        self.num_open = 0

    async def info(self) -> EngineInfo:
        return EngineInfo("chat", "0" * 64, "antiphon", "Apache-2.0", ("en",), 64)

    async def reply(self, job: ChatJob) -> AsyncGenerator[ChatDelta | ChatEnd, None]:
        self.jobs.append(job)
        self.num_open += 1
        try:
            for piece in self._pieces:
                await asyncio.sleep(0)
                if piece is None:
                    raise UpstreamFailed("the provider went away")
                yield ChatDelta(piece)
            yield ChatEnd("STOP", 3, len(self._pieces))
        finally:
            self.num_open -= 1


class Talk:
    def __init__(
        self,
        *pieces: str | None,
        answers: tuple[str, ...] = ("what I said",),
        is_automatic: bool = False,
        **changes: Any,
    ) -> None:
        self.events, self.chat, self.engine = Events(), Chat(*pieces), EchoSynthesizer()
        listening = ListeningSession(
            ScriptedTranscriber(ListenScript(answers=answers)),
            ScriptedVoiceActivity(VoiceScript()),
            listen_settings(partial_interval_ms=0, is_automatic=is_automatic),
            self.events.emit,
        )
        settings = TalkSettings("Be kind.", "emotion=contentment", speech_settings(), **changes)
        self.history: list[ChatMessage] = []
        self.session = ConversationSession(listening, self.chat, self.engine, settings, self.history, self.events.emit)

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(message.role, message.text) for message in self.history]
