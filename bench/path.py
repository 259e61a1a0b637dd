"""What the server's own path costs, with engines that compute nothing: latency, CPU, cancels, aborted calls."""

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from _calls import speech_config
from _clocked import age_ms, step_s
from _harness import Bench, cpu_s, figure, memory_mib, percentile
from grpc import aio

from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc
from support.servers import Process, Server, scripted_config, start_server

NUM_STREAMS = 64
NUM_CHUNKS = 250
SETTLE_S = 1.0
NUM_CANCELS = 200
NUM_ABORTS = 1_000
ABORTS_AT_ONCE = 8
BENCH = str(Path(__file__).resolve().parent)


async def open_call(stub: "pb_grpc.SynthesisServiceAsyncStub", text: str) -> aio.StreamStreamCall:
    call = stub.Synthesize(timeout=60)
    await call.write(pb.SynthesizeRequest(config=speech_config()))
    await call.write(pb.SynthesizeRequest(text=pb.TextInput(text=text)))
    await call.write(pb.SynthesizeRequest(finish=pb.FinishText()))
    return call


@dataclass
class Listeners:
    """Streams being listened to at once, and what they have seen."""

    stub: "pb_grpc.SynthesisServiceAsyncStub"
    ages_ms: list[float] = field(default_factory=list)

    async def listen(self) -> None:
        async for response in await open_call(self.stub, "a" * NUM_CHUNKS):
            if response.WhichOneof("response") == "audio":
                self.ages_ms.append(age_ms(response.audio.data))


async def listen(target: str, pid: int, num_streams: int) -> tuple[list[float], float]:
    """Listen to paced streams; ages of the chunks in milliseconds, and the server's CPU time a chunk in microseconds.

    The beginning is left out: it costs what beginning a call costs, not what a chunk costs.
    """
    async with aio.insecure_channel(target) as channel:
        room = Listeners(pb_grpc.SynthesisServiceStub(channel))
        listening = asyncio.gather(*(room.listen() for _ in range(num_streams)))
        await asyncio.sleep(SETTLE_S)
        first, began_s = len(room.ages_ms), cpu_s(pid)
        await asyncio.sleep(NUM_CHUNKS * step_s() - 2 * SETTLE_S)
        last, ended_s = len(room.ages_ms), cpu_s(pid)
        await listening
    return room.ages_ms[first:last], (ended_s - began_s) / (last - first) * 1e6


def measure_chunks(bench: Bench, target: str, pid: int, name: str, *, is_ours: bool) -> None:
    alone, _ = uvloop.run(listen(target, pid, 1))
    together, cpu_us = uvloop.run(listen(target, pid, NUM_STREAMS))
    limits = (0.3, 5.0, 60.0) if is_ours else (None, None, None)
    bench.add(
        figure(f"40 ms chunk, {name}, 1 stream", alone),
        figure(f"40 ms chunk, {name}, {NUM_STREAMS} streams, p50", together, limit=limits[0]),
        figure(f"40 ms chunk, {name}, {NUM_STREAMS} streams, p99", [percentile(together, 99)], limit=limits[1]),
        figure(f"CPU of the front a chunk, {name}", [cpu_us], unit="us", limit=limits[2]),
    )


async def cancel_once(stub: "pb_grpc.SynthesisServiceAsyncStub") -> tuple[float, float]:
    """Milliseconds until the engine had stopped, and until the receipt was here."""
    call = stub.Synthesize(timeout=60)
    await call.write(pb.SynthesizeRequest(config=speech_config()))
    await call.write(pb.SynthesizeRequest(text=pb.TextInput(text="a" * 500 + ".")))
    await call.write(pb.SynthesizeRequest(flush=pb.FlushText()))
    async for response in call:
        if response.WhichOneof("response") == "audio" and response.audio.sequence == 2:
            break
    asked_at = time.perf_counter()
    await call.write(pb.SynthesizeRequest(cancel=pb.CancelUtterance()))
    async for response in call:
        if response.WhichOneof("response") == "cancelled":
            break
    took_ms = (time.perf_counter() - asked_at) * 1000
    await call.write(pb.SynthesizeRequest(finish=pb.FinishText()))
    async for _ in call:
        pass
    return response.cancelled.engine_stopped_after_ms, took_ms


async def abort_many(stub: "pb_grpc.SynthesisServiceAsyncStub", number: int) -> None:
    """Leave calls in the middle of their audio."""
    room = asyncio.Semaphore(ABORTS_AT_ONCE)

    async def one() -> None:
        async with room:
            call = await open_call(stub, "a" * 200)
            async for response in call:
                if response.WhichOneof("response") == "audio":
                    break
            call.cancel()

    await asyncio.gather(*(one() for _ in range(number)))


async def measure_endings(bench: Bench, server: Server) -> None:
    async with aio.insecure_channel(server.grpc_target) as channel:
        stub = pb_grpc.SynthesisServiceStub(channel)
        receipts = [await cancel_once(stub) for _ in range(NUM_CANCELS)]
        await abort_many(stub, 600)
        before = memory_mib(server.pid)["Rss"]
        await abort_many(stub, NUM_ABORTS)
        await asyncio.sleep(1)
        growth = memory_mib(server.pid)["Rss"] / before - 1
    bench.add(
        figure("cancel, server to engine stopped (receipt)", [engine for engine, _ in receipts], limit=5),
        figure("cancel, client to receipt", [trip for _, trip in receipts]),
        figure(f"RSS growth of the front over {NUM_ABORTS} aborted calls", [growth * 100], unit="%", limit=1),
    )


def clocked_config(folder: Path, *, is_in_step: bool) -> Path:
    path = scripted_config(folder, f"[tts.options]\nis_in_step = {str(is_in_step).lower()}\n")
    text = path.read_text().replace("support.scripted:create_synthesizer", "_clocked:create")
    path.write_text(text.replace("engine_path = [", f"engine_path = [{BENCH!r}, "))
    return path


def main() -> None:
    bench = Bench("path")
    with tempfile.TemporaryDirectory() as name:
        for beat in ("at_random", "in_step"):
            server = start_server(config=clocked_config(Path(name), is_in_step=beat == "in_step"))
            bare = Process([sys.executable, f"{BENCH}/_bare.py", beat])
            try:
                said = beat.replace("_", " ")
                measure_chunks(bench, server.address, server.pid, said, is_ours=True)
                measure_chunks(bench, bare.address, bare.pid, f"{said}, bare grpc.aio", is_ours=False)
            finally:
                bare.stop()
                server.stop()
        server = start_server(config=scripted_config(Path(name), "[tts.options]\ndelay_ms = 4.0\n"))
        try:
            uvloop.run(measure_endings(bench, server))
        finally:
            server.stop()
    bench.save()


if __name__ == "__main__":
    main()
