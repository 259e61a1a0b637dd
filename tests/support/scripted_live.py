"""A live transcriber that writes a word of its script for each stretch of audio it is given.

``support.scripted_live:create_live_transcriber``.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass

from antiphon_server.engine.protocol import LISTENING_RATE_HZ, EngineInfo
from antiphon_server.errors import EngineFailed, Overloaded
from support.scripted import _be_born, _count, _info, _script


@dataclass(frozen=True, slots=True)
class LiveScript:
    text: str = "one two three four five six seven eight nine ten"
    word_ms: int = 200
    """Audio that a word takes; the last one is followed by none."""
    delay_ms: float = 0.0
    """Slept in each push."""
    crash_at_push: int = -1
    """Leave the process instead of this push, counted over all utterances; -1: never."""
    fail_at_push: int = -1
    waits_at_push: int = -1
    """Wait for ever, but cancellably."""
    waits_to_open: bool = False
    opened_path: str = ""
    """File that gets a byte for each utterance that was begun."""
    closed_path: str = ""
    """File that gets a byte for each utterance that was closed."""
    max_streams: int = 64


class ScriptedLiveTranscript:
    """Counts samples, and writes as many words as they hold."""

    def __init__(self, owner: "ScriptedLiveTranscriber") -> None:
        self._owner = owner
        self._num_bytes = 0
        self._is_closed = False

    async def push(self, pcm: bytes) -> str:
        script = self._owner.script
        await self._owner.before_push()
        self._num_bytes += len(pcm)
        audio_ms = self._num_bytes // 2 * 1000 // LISTENING_RATE_HZ
        return " ".join(script.text.split()[: audio_ms // script.word_ms])

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._owner.num_open -= 1
            _count(self._owner.script.closed_path)


class ScriptedLiveTranscriber:
    """Writes its script; ``languages`` are those it was opened in, in order."""

    def __init__(self, script: LiveScript) -> None:
        self.script = script
        self.num_open = 0
        self.languages: list[str] = []
        self._num_pushes = 0

    async def info(self) -> EngineInfo:
        return _info("scripted-live", num_calls=self.script.max_streams)

    async def open(self, language: str) -> ScriptedLiveTranscript:
        if self.num_open >= self.script.max_streams:
            raise Overloaded("too many utterances at once", retry_after_s=1.0)
        if self.script.waits_to_open:
            await asyncio.get_running_loop().create_future()
        self.num_open += 1
        self.languages.append(language)
        _count(self.script.opened_path)
        return ScriptedLiveTranscript(self)

    async def before_push(self) -> None:
        index, self._num_pushes = self._num_pushes, self._num_pushes + 1
        if index == self.script.crash_at_push:
            os._exit(70)
        if index == self.script.fail_at_push:
            raise EngineFailed("scripted failure")
        if index == self.script.waits_at_push:
            await asyncio.get_running_loop().create_future()
        if self.script.delay_ms:
            await asyncio.sleep(self.script.delay_ms / 1000)


async def create_live_transcriber(options: Mapping[str, object]) -> ScriptedLiveTranscriber:
    await _be_born(options)
    return ScriptedLiveTranscriber(_script(LiveScript, options))
