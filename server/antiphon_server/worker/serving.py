"""The engine's end of a channel: runs each call as a task, and sends exactly one ``ended`` for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Protocol, cast, runtime_checkable

from antiphon_server.engine.chat import ChatJob, ChatModel
from antiphon_server.engine.foresight import LetterCounter, TokenCounter
from antiphon_server.engine.protocol import (
    ListenJob,
    LiveTranscriber,
    LiveTranscript,
    SpeechJob,
    Synthesizer,
    Transcriber,
    VoiceActivity,
    VoiceActivityStream,
)
from antiphon_server.engine.reference import Cloner, ReferenceClip
from antiphon_server.engine.spec import Role
from antiphon_server.engine.stats import Observed
from antiphon_server.errors import Cancelled, EngineFailed, EngineRestarting
from antiphon_server.worker.channel import Channel
from antiphon_server.worker.codec import Message, decode, encode
from antiphon_server.worker.failure import encode_error
from antiphon_server.worker.frame import Frame

_DONE = object()


@runtime_checkable
class _Closable(Protocol):
    async def aclose(self) -> None: ...


class Credits:
    """Items a stream may still send."""

    def __init__(self, num_credits: int) -> None:
        self._num_left = num_credits
        self._granted = asyncio.Event()

    def grant(self, num_credits: int) -> None:
        """Allow more items."""
        self._num_left += num_credits
        self._granted.set()

    async def take(self) -> None:
        """Use one, waiting until there is one."""
        while self._num_left <= 0:
            self._granted.clear()
            await self._granted.wait()
        self._num_left -= 1


@dataclass(slots=True)
class _Running:
    """A call that has not ended."""

    task: asyncio.Task[Any]
    credits: Credits
    cancelled_at: float | None = None


class CallServer:
    """Serves the calls of one channel with the parts of this process."""

    def __init__(self, channel: Channel, engines: Mapping[Role, object]) -> None:
        self._channel = channel
        self._engines = engines
        self._running: dict[int, _Running] = {}
        self._opened: dict[int, LiveTranscript | VoiceActivityStream] = {}
        self._answers: dict[tuple[str, str], Callable[..., Awaitable[object]]] = {
            ("synthesizer", "encode"): self._encode_clip,
            ("synthesizer", "count_tokens"): self._count_tokens,
            ("synthesizer", "count_unreadable"): self._count_unreadable,
            ("synthesizer", "stats"): partial(self._stats, "synthesizer"),
            ("transcriber", "stats"): partial(self._stats, "transcriber"),
            ("transcriber", "transcribe"): self._transcribe,
            ("live_transcriber", "open"): partial(self._open, "live_transcriber"),
            ("live_transcriber", "push"): self._push_live,
            ("live_transcriber", "close"): self._close,
            ("voice_activity", "open"): partial(self._open, "voice_activity"),
            ("voice_activity", "score"): self._score_voice,
            ("voice_activity", "close"): self._close,
        }
        self._streams: dict[tuple[str, str], Callable[..., AsyncIterator[Message]]] = {
            ("synthesizer", "speak"): self._speak,
            ("chat", "reply"): self._reply,
        }

    def receive(self, frame: Frame) -> None:
        """Act on a call, credit or cancel frame; a frame for a call that has ended is late, and ignored."""
        kind = frame["kind"]
        if kind == "call":
            self._start(frame)
        elif kind == "credit" and frame["call"] in self._running:
            self._running[frame["call"]].credits.grant(frame["n"])
        elif kind == "cancel" and frame["call"] in self._running:
            running = self._running[frame["call"]]
            running.cancelled_at = perf_counter()
            running.task.cancel()

    def _start(self, frame: Frame) -> None:
        call_id, key = frame["call"], (frame["role"], frame["op"])
        credits_left = Credits(frame.get("credits", 0))
        if key in self._streams:
            work = self._send_items(call_id, self._streams[key](*frame["args"]), credits_left)
        else:
            work = self._answer(self._answers[key](*frame["args"]))
        task = asyncio.get_running_loop().create_task(work)
        self._running[call_id] = _Running(task, credits_left)
        task.add_done_callback(lambda task: self._end(call_id, task))

    async def _answer(self, answer: Awaitable[object]) -> object:
        return await answer

    async def _send_items(self, call_id: int, items: AsyncIterator[Message], credits_left: Credits) -> object:
        try:
            while True:
                await credits_left.take()
                item = await anext(items, _DONE)
                if item is _DONE:
                    return None
                self._channel.send({"kind": "item", "call": call_id, "value": encode(cast("Message", item))})
        finally:
            if isinstance(items, _Closable):
                await items.aclose()

    def _end(self, call_id: int, task: asyncio.Task[Any]) -> None:
        running = self._running.pop(call_id)
        frame: Frame = {"kind": "ended", "call": call_id}
        if running.cancelled_at is not None:
            frame["stop_ms"] = (perf_counter() - running.cancelled_at) * 1000
        if task.cancelled():
            stopped = (
                EngineFailed("the engine gave the call up")
                if running.cancelled_at is None
                else Cancelled("the caller cancelled")
            )
            frame["error"] = encode_error(stopped)
        elif (error := task.exception()) is not None:
            frame["error"] = encode_error(error)
        else:
            frame["value"] = task.result()
        self._channel.send(frame)

    def _speak(self, job: list[Any]) -> AsyncIterator[Message]:
        return cast("Synthesizer", self._engines["synthesizer"]).speak(cast("SpeechJob", decode(job)))

    async def _encode_clip(self, clip: list[Any]) -> object:
        cloner = cast("Cloner", self._engines["synthesizer"])
        return encode(await cloner.encode(cast("ReferenceClip", decode(clip))))

    async def _count_tokens(self, texts: list[str]) -> object:
        return list(await cast("TokenCounter", self._engines["synthesizer"]).count_tokens(tuple(texts)))

    async def _count_unreadable(self, texts: list[str], voice: str, language: str) -> object:
        counter = cast("LetterCounter", self._engines["synthesizer"])
        return list(await counter.count_unreadable(tuple(texts), voice, language))

    async def _stats(self, role: Role) -> object:
        return encode(await cast("Observed", self._engines[role]).stats())

    def _reply(self, job: list[Any]) -> AsyncIterator[Message]:
        return cast("ChatModel", self._engines["chat"]).reply(cast("ChatJob", decode(job)))

    async def _transcribe(self, job: list[Any]) -> object:
        transcriber = cast("Transcriber", self._engines["transcriber"])
        return encode(await transcriber.transcribe(cast("ListenJob", decode(job))))

    async def _open(self, role: Role, stream_id: int, *language: str) -> None:
        self._opened[stream_id] = await cast("LiveTranscriber | VoiceActivity", self._engines[role]).open(*language)

    async def _close(self, stream_id: int) -> None:
        stream = self._opened.pop(stream_id, None)
        if stream is not None:
            await stream.close()

    def _find(self, stream_id: int, what: str) -> LiveTranscript | VoiceActivityStream:
        if stream_id not in self._opened:
            raise EngineRestarting(f"the {what} is closed; open another")
        return self._opened[stream_id]

    async def _push_live(self, stream_id: int, pcm: bytes) -> str:
        return await cast("LiveTranscript", self._find(stream_id, "live transcript")).push(pcm)

    async def _score_voice(self, stream_id: int, pcm: bytes) -> list[float]:
        return await cast("VoiceActivityStream", self._find(stream_id, "voice activity stream")).score(pcm)
