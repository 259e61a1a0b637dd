"""First audio and real-time factor, beside the synthesis library called directly."""

import asyncio
import time
from collections.abc import Callable

import aiohttp
from _calls import LONG_TEXT, TWO_SENTENCES, speak
from _harness import PAUSE_S, Bench, figure, ratio_of
from grpc import aio
from hibari import Hibari

from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc
from support.servers import start_compat, start_server

NUM_CALLS = 40
NUM_LONG = 8


def library_first_ms(library: Hibari, text: str) -> float:
    began_at = time.perf_counter()
    next(iter(library.stream(text)))
    return (time.perf_counter() - began_at) * 1000


def library_factor(library: Hibari, text: str) -> float:
    began_at = time.perf_counter()
    samples = library(text)
    return (time.perf_counter() - began_at) / (len(samples) / library.sample_rate)


async def http_first_ms(http: aiohttp.ClientSession, url: str, text: str) -> float:
    body = {"model": "tts-1", "voice": "alloy", "input": text, "response_format": "pcm", "stream": True}
    began_at = time.perf_counter()
    async with http.post(f"{url}/v1/audio/speech", json=body) as response:
        response.raise_for_status()
        await response.content.readany()
        first_ms = (time.perf_counter() - began_at) * 1000
        async for _ in response.content.iter_any():
            pass
    return first_ms


async def measure(bench: Bench, target: str, url: str, in_thread: Callable[..., asyncio.Future[float]]) -> None:
    library = Hibari()
    library("Warm up. Warm up.")
    direct: list[float] = []
    grpc_ms: list[float] = []
    http_ms: list[float] = []
    async with aio.insecure_channel(target) as channel, aiohttp.ClientSession() as http:
        stub = pb_grpc.SynthesisServiceStub(channel)
        for index in range(NUM_CALLS + 3):
            one = await in_thread(library_first_ms, library, TWO_SENTENCES)
            await asyncio.sleep(PAUSE_S / 3)
            two = (await speak(stub, TWO_SENTENCES)).first_audio_ms
            await asyncio.sleep(PAUSE_S / 3)
            three = await http_first_ms(http, url, TWO_SENTENCES)
            await asyncio.sleep(PAUSE_S / 3)
            if index >= 3:
                direct.append(one)
                grpc_ms.append(two)
                http_ms.append(three)
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(NUM_LONG):
            theirs.append(await in_thread(library_factor, library, LONG_TEXT))
            spoken = await speak(stub, LONG_TEXT)
            ours.append(spoken.total_ms / spoken.audio_ms)
    bench.add(
        figure("first audio, gRPC, two sentences", grpc_ms, limit=80),
        figure("first audio, HTTP pcm streamed, two sentences", http_ms, limit=100),
        figure("first audio, library called directly", direct, note="whole first sentence, same process"),
        ratio_of("first audio, gRPC / library", grpc_ms, direct, to="library called directly", limit=None),
        figure("real-time factor end to end, gRPC, 8 sentences", ours, unit="s/s", limit=0.03),
        figure("real-time factor, library called directly", theirs, unit="s/s"),
        ratio_of("real-time factor, gRPC / library", ours, theirs, to="library called directly", limit=None),
    )


def main() -> None:
    server = start_server()
    compat = start_compat(server)
    bench = Bench("speech")
    try:
        asyncio.run(measure(bench, server.grpc_target, compat.http_url, asyncio.to_thread))
    finally:
        compat.stop()
        server.stop()
    bench.save()


if __name__ == "__main__":
    main()
