"""Time to ready, and memory of all processes after a few calls."""

import asyncio

import aiohttp
from _calls import TWO_SENTENCES, clip_of_5_s, speak, transcribe_once
from _harness import Bench, Stopwatch, figure, memory_mib, process_tree
from grpc import aio

from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc
from support.servers import Compat, Server, start_compat, start_server

NUM_STARTS = 3
NUM_CALLS = 3


async def use(server: Server, compat: Compat) -> None:
    """Make every engine work."""
    async with aio.insecure_channel(server.grpc_target) as channel, aiohttp.ClientSession() as http:
        pcm = await clip_of_5_s(channel)
        for _ in range(NUM_CALLS):
            await speak(pb_grpc.SynthesisServiceStub(channel), TWO_SENTENCES)
            await transcribe_once(channel, pcm, language="", word_times=True)
            async with http.ws_connect(f"{compat.http_url}/ws/voice") as ws:
                await ws.send_json({"type": "text", "text": "Tell me about the sea."})
                async for message in ws:
                    if message.type is aiohttp.WSMsgType.TEXT and message.json()["type"] == "reply_done":
                        break


def main() -> None:
    bench = Bench("start")
    ready_s, rss, pss = [], [], []
    for _ in range(NUM_STARTS):
        watch = Stopwatch()
        server = start_server()
        ready_s.append(watch.ms / 1000)
        compat = start_compat(server)
        try:
            asyncio.run(use(server, compat))
            used = [memory_mib(pid) for pid in (*process_tree(server.pid), compat.pid)]
        finally:
            compat.stop()
            server.stop()
        rss.append(sum(one["Rss"] for one in used))
        pss.append(sum(one["Pss"] for one in used))
    bench.add(
        figure("command to ready line", ready_s, unit="s", limit=15),
        figure("memory of server, engines and compat, sum of RSS", rss, unit="MiB", limit=1536),
        figure("the same, shared pages counted once (PSS)", pss, unit="MiB"),
    )
    bench.save()


if __name__ == "__main__":
    main()
