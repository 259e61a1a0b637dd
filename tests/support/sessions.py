"""Sessions on engines in this process, and every event they emit."""

import array
import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from antiphon_server.audio.format import Encoding, Format
from antiphon_server.engine.protocol import EngineInfo, SpeechChunk, SpeechEnd, SpeechJob, Synthesizer, Transcriber
from antiphon_server.session.events import AudioOut, FinalHeard, Notice
from antiphon_server.session.listening import ListeningSession
from antiphon_server.session.settings import ListenSettings, SpeechSettings
from antiphon_server.session.speaking import SpeechSession
from support.scripted import ScriptedVoiceActivity, VoiceScript

RATE_HZ = 24_000
CHUNK_SAMPLES = RATE_HZ * 40 // 1000


class EchoSynthesizer:
    """Speaks a chunk of 40 ms a character, its samples made of the character, the voice, the seed and the delivery."""

    def __init__(self) -> None:
        self.jobs: list[SpeechJob] = []
        self.ends: tuple[str, ...] = ()
        """Finish reasons of the jobs in order; STOP for all that follow."""
        self.num_open = 0

    async def info(self) -> EngineInfo:
        return EngineInfo("echo", "1" * 64, "antiphon", "Apache-2.0", ("en",), 64, sample_rate_hz=RATE_HZ)

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        self.jobs.append(job)
        reason = self.ends[len(self.jobs) - 1] if len(self.jobs) <= len(self.ends) else "STOP"
        self.num_open += 1
        try:
            for character in job.text:
                await asyncio.sleep(0)
                yield SpeechChunk(_sound(character, job))
            yield SpeechEnd(reason, engine_ms=1.0, input_tokens=len(job.text))
        finally:
            self.num_open -= 1


class Events(list[Any]):
    """Takes a session's events; ``watch`` is called after each, while the session waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self._grown = asyncio.Event()
        self.watch: Callable[[int], Awaitable[None]] | None = None

    async def emit(self, event: object) -> None:
        self.append(event)
        self._grown.set()
        await asyncio.sleep(0)
        if self.watch is not None:
            await self.watch(len(self) - 1)

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self if isinstance(event, kinds)]

    def audio(self, utterance_id: str | None = None) -> bytes:
        """The bytes of one utterance, or of all."""
        return b"".join(out.data for out in self.of(AudioOut) if utterance_id in (None, out.utterance_id))

    async def until(self, kind: type, number: int = 1) -> Any:
        """Wait for the numberth event of a kind."""
        async with asyncio.timeout(3):
            while len(self.of(kind)) < number:
                self._grown.clear()
                await self._grown.wait()
        return self.of(kind)[number - 1]


def speech_settings(**changes: Any) -> SpeechSettings:
    base: dict[str, Any] = {
        "model": "echo",
        "revision": "1" * 64,
        "native_rate_hz": RATE_HZ,
        "voice": "tone",
        "format": Format(Encoding.PCM_S16LE, RATE_HZ),
        "seed": 7,
    }
    return SpeechSettings(**(base | changes))


def listen_settings(**changes: Any) -> ListenSettings:
    base: dict[str, Any] = {"model": "scripted-stt", "revision": "0" * 64, "format": Format(Encoding.PCM_S16LE, 16_000)}
    return ListenSettings(**(base | changes))


def voice(ms: int) -> bytes:
    """Sound that the scripted engines take for voice, at 16 000 Hz."""
    return b"\x00\x20" * (16 * ms)


def silence(ms: int) -> bytes:
    return bytes(32 * ms)


async def heard(transcriber: Transcriber, pcm: bytes) -> tuple[FinalHeard, list[str]]:
    """Have audio written down as one utterance, without partials: its final, and what notices said."""
    events = Events()
    session = ListeningSession(
        transcriber, ScriptedVoiceActivity(VoiceScript()), listen_settings(partial_interval_ms=0), events.emit
    )
    await session.take(pcm)
    final = await session.flush()
    await session.close()
    return final, [notice.message for notice in events.of(Notice)]


async def spoken(
    parts: list[str], settings: SpeechSettings | None = None, *, synthesizer: Synthesizer | None = None
) -> Events:
    """Speak text that comes in parts; a part of "\\f" is a flush."""
    events = Events()
    session = SpeechSession(synthesizer or EchoSynthesizer(), settings or speech_settings(), events.emit)
    running = asyncio.create_task(session.run())
    for part in parts:
        await (session.flush() if part == "\f" else session.add_text(part))
    await session.finish()
    await running
    return events


def _sound(character: str, job: SpeechJob) -> bytes:
    key = f"{character}{job.voice}{job.seed}{job.speed:g}{job.pitch_semitones:g}{job.tags}".encode()
    value = zlib.crc32(key) % 20_000 - 10_000
    return array.array("h", [value] * CHUNK_SAMPLES).tobytes()
