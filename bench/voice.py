"""A spoken turn over /ws/voice: audio in real time, then how soon the final and the reply's first audio come."""

import asyncio
import json
import time
from dataclasses import dataclass, field

import aiohttp
from _calls import clip_of_5_s
from _harness import PAUSE_S, Bench, figure
from grpc import aio

from support.servers import start_compat, start_server

NUM_TURNS = 6
FRAME_BYTES = 1_280
CASES = (("stopped in the middle of a word", 0), ("stopped after 0.5 s of silence", 500))


@dataclass
class Turn:
    """Milliseconds after stop; partials as seconds of the turn."""

    stopped_at: float = 0.0
    final_ms: float = 0.0
    first_text_ms: float = 0.0
    first_audio_ms: float = 0.0
    partials_at: list[float] = field(default_factory=list)

    def note(self, name: str, now: float) -> None:
        ms = (now - self.stopped_at) * 1000
        if name == "partial":
            self.partials_at.append(now)
        elif name == "final":
            self.final_ms = ms
        elif name == "reply_delta":
            self.first_text_ms = self.first_text_ms or ms
        elif name == "audio":
            self.first_audio_ms = self.first_audio_ms or ms
        elif name == "error":
            raise RuntimeError("the turn failed")


async def talk(ws: aiohttp.ClientWebSocketResponse, pcm: bytes) -> Turn:
    turn = Turn()
    await ws.send_json({"type": "start"})
    began_at = time.perf_counter()

    async def feed() -> None:
        for start in range(0, len(pcm), FRAME_BYTES):
            await ws.send_bytes(pcm[start : start + FRAME_BYTES])
            await asyncio.sleep(max(0.0, began_at + (start + FRAME_BYTES) / 32_000 - time.perf_counter()))
        turn.stopped_at = time.perf_counter()
        await ws.send_json({"type": "stop"})

    feeding = asyncio.create_task(feed())
    async for message in ws:
        is_audio = message.type is aiohttp.WSMsgType.BINARY
        name = "audio" if is_audio else json.loads(message.data)["type"]
        turn.note(name, time.perf_counter())
        if name == "reply_done":
            break
    await feeding
    return turn


async def measure(bench: Bench, target: str, url: str) -> None:
    async with aio.insecure_channel(target) as channel:
        pcm = await clip_of_5_s(channel)
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/ws/voice") as ws:
        await talk(ws, pcm)
        for name, silence_ms in CASES:
            turns = []
            for _ in range(NUM_TURNS):
                await asyncio.sleep(PAUSE_S)
                turns.append(await talk(ws, pcm + bytes(silence_ms * 32)))
            report(bench, name, turns)


def report(bench: Bench, name: str, turns: list[Turn]) -> None:
    gaps = [(b - a) * 1000 for turn in turns for a, b in zip(turn.partials_at, turn.partials_at[1:], strict=False)]
    bench.add(
        figure(f"stop to final, {name}", [turn.final_ms for turn in turns], limit=800),
        figure(f"stop to first reply text, {name}", [turn.first_text_ms for turn in turns]),
        figure(f"stop to first reply audio, {name}", [turn.first_audio_ms for turn in turns], limit=1500),
        figure(f"between partials, {name}", gaps or [0.0]),
    )


def main() -> None:
    server = start_server()
    compat = start_compat(server)
    bench = Bench("voice")
    try:
        asyncio.run(measure(bench, server.grpc_target, compat.http_url))
    finally:
        compat.stop()
        server.stop()
    bench.save()


if __name__ == "__main__":
    main()
