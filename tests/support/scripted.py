"""Engines that do exactly what their options say, for tests and benchmarks.

Factories: ``support.scripted:create_synthesizer`` and its siblings. Every option has a default.
"""

import array
import asyncio
import math
import os
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob
from antiphon_server.engine.protocol import (
    LISTENING_RATE_HZ,
    VOICE_WINDOW_SAMPLES,
    EngineInfo,
    EngineVoice,
    HeardSegment,
    HeardWord,
    ListenJob,
    SpeechChunk,
    SpeechEnd,
    SpeechJob,
    Transcript,
)
from antiphon_server.errors import BY_REASON, UnknownVoice

RATE_HZ = 24_000
TONE_HZ = 480  # 50 samples a period, so chunks of whole milliseconds join without a click

_Script = TypeVar("_Script")


@dataclass(frozen=True, slots=True)
class SpeechScript:
    chunk_ms: int = 40
    chunks_per_character: float = 1.0
    delay_ms: float = 0.0
    """Slept before each chunk; 0 gives other tasks a turn only when credits run out."""
    amplitude: float = 0.25
    """0 is silence."""
    fail_at_chunk: int = -1
    """Raise ``fail_reason`` instead of this chunk; -1: never."""
    fail_reason: str = ""
    """A reason of the error table; empty: a ValueError that quotes the text."""
    fail_field: str = ""
    crash_at_chunk: int = -1
    """Leave the process instead of this chunk; -1: never."""
    hang_at_chunk: int = -1
    """Block the whole process instead of this chunk; -1: never."""
    wait_at_chunk: int = -1
    """Wait for ever, but cancellably, instead of this chunk; -1: never."""
    is_endless: bool = False
    """End without a SpeechEnd."""
    pulled_path: str = ""
    """File that is kept at one byte for each chunk asked for."""
    closed_path: str = ""
    """File that gets a byte for each job that was cancelled."""
    max_concurrent_calls: int = 64


@dataclass(frozen=True, slots=True)
class BirthScript:
    """What happens when a part is built; options of every factory here."""

    crash_count_path: str = ""
    """File that gets a byte for each crash while starting."""
    num_crashes: int = 0
    start_fail_reason: str = ""
    start_delay_s: float = 0.0


class ScriptedSynthesizer:
    """Speaks a tone, ``chunks_per_character`` chunks a character."""

    def __init__(self, script: SpeechScript) -> None:
        self._script = script
        self._tone = _tone(script.chunk_ms, script.amplitude)

    async def info(self) -> EngineInfo:
        voice = EngineVoice("tone", "Tone", "480 Hz", is_variant=False, languages=("en",))
        return _info(
            "scripted-tts", sample_rate_hz=RATE_HZ, voices=(voice,), num_calls=self._script.max_concurrent_calls
        )

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        if job.voice != "tone":
            raise UnknownVoice("voice must be tone", field="voice")
        script = self._script
        has_ended = False
        try:
            for index in range(max(1, round(len(job.text) * script.chunks_per_character))):
                _count(script.pulled_path)
                await self._before(index, job)
                yield SpeechChunk(self._tone)
            has_ended = True
        finally:
            if not has_ended:
                _count(script.closed_path)
        if not script.is_endless:
            yield SpeechEnd("STOP", engine_ms=1.0, input_tokens=len(job.text))

    async def _before(self, index: int, job: SpeechJob) -> None:
        script = self._script
        if script.delay_ms:
            await asyncio.sleep(script.delay_ms / 1000)
        if index == script.crash_at_chunk:
            os._exit(70)
        if index == script.hang_at_chunk:
            time.sleep(3600)
        if index == script.wait_at_chunk:
            await asyncio.get_running_loop().create_future()
        if index == script.fail_at_chunk:
            _fail(script.fail_reason, script.fail_field, job.text)


@dataclass(frozen=True, slots=True)
class ListenScript:
    answers: tuple[str, ...] = ("hello world",)
    """Texts of the jobs in order; the last one for all that follow."""
    delay_ms: float = 0.0
    waits: bool = False
    """Wait for ever, but cancellably."""
    is_silence_empty: bool = True
    """Give no segment for audio without a sample over 1 % of full scale."""


class ScriptedTranscriber:
    """Answers from its script, the words evenly over the audio."""

    def __init__(self, script: ListenScript) -> None:
        self._script = script
        self._num_jobs = 0

    async def info(self) -> EngineInfo:
        return _info("scripted-stt", supports_word_times=True)

    async def transcribe(self, job: ListenJob) -> Transcript:
        answer = self._script.answers[min(self._num_jobs, len(self._script.answers) - 1)]
        self._num_jobs += 1
        if self._script.waits:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(self._script.delay_ms / 1000)
        samples = _samples(job.pcm)
        duration_ms = len(samples) * 1000 // LISTENING_RATE_HZ
        if self._script.is_silence_empty and max((abs(value) for value in samples), default=0) < 328:
            return Transcript((), job.language or "en", None if job.language else 1.0, engine_ms=1.0)
        segment = HeardSegment(answer, 0, duration_ms, words=_words(answer, duration_ms))
        return Transcript((segment,), job.language or "en", None if job.language else 1.0, engine_ms=1.0)


@dataclass(frozen=True, slots=True)
class VoiceScript:
    voice_rms: float = 0.02
    """Windows at least this loud (of full scale 1) count as voice."""


class ScriptedVoiceStream:
    """1.0 for each loud window, 0.0 for the others."""

    def __init__(self, script: VoiceScript) -> None:
        self._script = script
        self._rest = b""

    async def score(self, pcm: bytes) -> list[float]:
        window_bytes = VOICE_WINDOW_SAMPLES * 2
        audio = self._rest + pcm
        num_windows = len(audio) // window_bytes
        self._rest = audio[num_windows * window_bytes :]
        windows = (audio[index * window_bytes : (index + 1) * window_bytes] for index in range(num_windows))
        return [float(_rms(_samples(window)) >= self._script.voice_rms) for window in windows]

    async def close(self) -> None:
        self._rest = b""


class ScriptedVoiceActivity:
    """Hears voice by loudness."""

    def __init__(self, script: VoiceScript) -> None:
        self._script = script

    async def info(self) -> EngineInfo:
        return _info("scripted-vad")

    async def open(self) -> ScriptedVoiceStream:
        return ScriptedVoiceStream(self._script)


@dataclass(frozen=True, slots=True)
class ChatScript:
    replies: tuple[str, ...] = ("All right.",)
    """Answers by number of user messages; the last one for all that follow."""
    delay_ms: float = 0.0
    """Before each word."""


class ScriptedChatModel:
    """Answers word by word."""

    def __init__(self, script: ChatScript) -> None:
        self._script = script

    async def info(self) -> EngineInfo:
        return _info("scripted-chat")

    async def reply(self, job: ChatJob) -> AsyncGenerator[ChatDelta | ChatEnd, None]:
        num_turns = sum(message.role == "user" for message in job.messages)
        reply = self._script.replies[min(max(num_turns, 1), len(self._script.replies)) - 1]
        words = reply.split(" ")
        for index, word in enumerate(words):
            await asyncio.sleep(self._script.delay_ms / 1000)
            yield ChatDelta(word if index == 0 else f" {word}")
        yield ChatEnd("STOP", input_tokens=len(job.messages), output_tokens=len(words))


async def create_synthesizer(options: Mapping[str, object]) -> ScriptedSynthesizer:
    await _be_born(options)
    return ScriptedSynthesizer(_script(SpeechScript, options))


async def create_transcriber(options: Mapping[str, object]) -> ScriptedTranscriber:
    await _be_born(options)
    return ScriptedTranscriber(_script(ListenScript, options))


async def create_voice_activity(options: Mapping[str, object]) -> ScriptedVoiceActivity:
    await _be_born(options)
    return ScriptedVoiceActivity(_script(VoiceScript, options))


async def create_chat(options: Mapping[str, object]) -> ScriptedChatModel:
    await _be_born(options)
    return ScriptedChatModel(_script(ChatScript, options))


async def _be_born(options: Mapping[str, object]) -> None:
    birth = _script(BirthScript, options)
    await asyncio.sleep(birth.start_delay_s)
    if birth.start_fail_reason:
        _fail(birth.start_fail_reason, "model", "")
    if birth.num_crashes and _size(birth.crash_count_path) < birth.num_crashes:
        _count(birth.crash_count_path)
        os._exit(71)


def _script(kind: type[_Script], options: Mapping[str, object]) -> _Script:
    """Take the options that ``kind`` knows; lists become tuples."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    given: dict[str, Any] = {name: value for name, value in options.items() if name in names}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


def _info(model: str, *, num_calls: int = 64, **known: Any) -> EngineInfo:
    return EngineInfo(model, "0" * 64, "antiphon", "Apache-2.0", ("en",), num_calls, first_output_ms=1.0, **known)


def _fail(reason: str, field: str, text: str) -> None:
    if not reason:
        raise ValueError(f"cannot speak {text!r}")
    raise BY_REASON[reason]("scripted failure", field=field, retry_after_s=2.5)


def _tone(chunk_ms: int, amplitude: float) -> bytes:
    step = 2 * math.pi * TONE_HZ / RATE_HZ
    values = (round(32767 * amplitude * math.sin(index * step)) for index in range(RATE_HZ * chunk_ms // 1000))
    return array.array("h", values).tobytes()


def _words(text: str, duration_ms: int) -> tuple[HeardWord, ...]:
    words = text.split()
    edges = [duration_ms * index // max(1, len(words)) for index in range(len(words) + 1)]
    return tuple(HeardWord(word, edges[i], edges[i + 1], 1.0) for i, word in enumerate(words))


def _samples(pcm: bytes) -> "array.array[int]":
    return array.array("h", pcm)


def _rms(samples: "array.array[int]") -> float:
    return math.sqrt(sum(value * value for value in samples) / max(1, len(samples))) / 32768


def _count(path: str) -> None:
    if path:
        with Path(path).open("ab") as file:
            file.write(b".")


def _size(path: str) -> int:
    file = Path(path)
    return file.stat().st_size if file.exists() else 0
