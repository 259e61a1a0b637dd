"""Every way to ask for speech, each telling when its pieces came: what a stranger's client would see."""

import base64
import io
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import av
from _calls import speech_config

from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc

RATE_HZ = 24_000
FORMATS = ("pcm", "mp3", "opus", "aac", "flac", "wav")


class NotOffered(RuntimeError):
    """The server does not know this way."""


@dataclass
class Heard:
    """One speech: its bytes, and for each piece when it came and how many bytes there were then."""

    began_at: float = field(default_factory=time.perf_counter)
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    total_ms: float = 0.0

    def add(self, piece: bytes) -> None:
        self.data += piece
        self.arrivals.append((self.elapsed_ms, len(self.data)))

    def end(self) -> "Heard":
        """Note the end of the speech."""
        if not self.data:
            raise RuntimeError("no audio came")
        self.total_ms = self.elapsed_ms
        return self

    @property
    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.began_at) * 1000

    @property
    def first_ms(self) -> float:
        return self.arrivals[0][0]

    @property
    def pcm_s(self) -> float:
        """Seconds of speech, where it is 16-bit samples."""
        return len(self.data) / 2 / RATE_HZ

    def first_sound_ms(self, response_format: str) -> float:
        """When enough had come for a decoder to give its first sample; a header alone is no sound."""
        if response_format == "pcm":
            return self.first_ms
        return next(at_ms for at_ms, size in self.arrivals if _has_sound(bytes(self.data[:size])))


Way = Callable[[str], Awaitable[Heard]]
"""Speaks a text."""


def _has_sound(data: bytes) -> bool:
    try:
        with av.open(io.BytesIO(data)) as container:
            return any(frame.samples for frame in container.decode(audio=0))
    except (av.error.FFmpegError, IndexError):
        return False


def over_grpc(stub: "pb_grpc.SynthesisServiceAsyncStub") -> Way:
    """The call that the HTTP front makes itself."""

    async def speak(text: str) -> Heard:
        heard = Heard()
        async for response in stub.SynthesizeOnce(
            pb.SynthesizeOnceRequest(config=speech_config(), text=text), timeout=60
        ):
            if response.audio.data:
                heard.add(response.audio.data)
        return heard.end()

    return speak


def over_http(http: aiohttp.ClientSession, url: str, **fields: object) -> Way:
    """``POST /v1/audio/speech``, streamed; ``fields`` go into its body."""

    async def speak(text: str) -> Heard:
        heard = Heard()
        async with http.post(f"{url}/v1/audio/speech", json={"input": text, "stream": True} | fields) as response:
            await _require_ok(response)
            async for piece in response.content.iter_any():
                heard.add(piece)
        return heard.end()

    return speak


def over_sse(http: aiohttp.ClientSession, url: str) -> Way:
    """The same with ``stream_format: sse``, pcm."""

    async def speak(text: str) -> Heard:
        heard = Heard()
        body = {"input": text, "response_format": "pcm", "stream_format": "sse"}
        async with http.post(f"{url}/v1/audio/speech", json=body) as response:
            await _require_ok(response)
            async for line in response.content:
                if line.startswith(b"data: {"):
                    event = json.loads(line[6:])
                    if event["type"] == "speech.audio.delta":
                        heard.add(base64.b64decode(event["audio"]))
        return heard.end()

    return speak


def over_socket(http: aiohttp.ClientSession, url: str) -> Way:
    """``WS /v1/audio/speech/stream``, pcm, from sending the text over a socket that is configured already."""

    async def speak(text: str) -> Heard:
        try:
            socket = await http.ws_connect(f"{url}/v1/audio/speech/stream")
        except aiohttp.WSServerHandshakeError as error:
            raise NotOffered(f"the socket was answered with {error.status}") from error
        async with socket:
            await socket.send_json({"type": "session.config", "response_format": "pcm"})
            await socket.receive()
            heard = Heard()
            await socket.send_json({"type": "input.text", "text": text})
            await socket.send_json({"type": "input.done"})
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    heard.add(message.data)
                elif message.json()["type"] in ("session.done", "error"):
                    break
        return heard.end()

    return speak


async def _require_ok(response: aiohttp.ClientResponse) -> None:
    if response.status in (400, 404):
        raise NotOffered(f"the request was answered with {response.status}: {(await response.text())[:200]}")
    response.raise_for_status()
