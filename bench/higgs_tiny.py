"""What the service adds to Higgs Audio v3 TTS: tiny weights through the whole server, beside the same model alone.

The model's share is small here, so whatever the service costs shows: with the published weights a row takes many times
as long, and the same cost is a smaller part of it.
"""

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from _bare_higgs import Bare, BareModel
from _calls import speech_config
from _harness import PAUSE_S, Bench, cpu_s, end_on_signals, figure, process_tree, ratio_of
from grpc import aio

from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc
from antiphon_server.model.make import SIZES, make_checkpoint
from support.servers import Server, scripted_config, start_server

TEXT = "Nobody had expected them before noon, and the market was still closed."
NUM_ROWS = 120
ROUNDS = {1: 20, 4: 10, 16: 5}
"""At once, and how often."""
MOST_AT_ONCE = max(ROUNDS)
NUM_BLOCKS = 512
FADED_BYTES = 2 * 24 * 5
"""The server fades the last 5 ms of speech that its row limit cut."""


@dataclass
class Served:
    """One speech of the server."""

    first_ms: float
    pcm: bytes
    num_rows: int


def higgs_config(folder: Path) -> Path:
    """Settings of a server that speaks with the tiny weights, in one thread."""
    make_checkpoint(folder / "tiny", SIZES["tiny"], seed=3)
    options = {"threads": 1, "num_blocks": NUM_BLOCKS, "max_concurrent_calls": MOST_AT_ONCE}
    lines = [f"checkpoint = {str(folder / 'tiny')!r}", 'dtype = "float32"']
    lines += [f"{name} = {value}" for name, value in options.items()]
    path = scripted_config(folder, "\n".join(["[tts.options]", *lines, ""]))
    path.write_text(path.read_text().replace("support.scripted:create_synthesizer", "higgs"))
    return path


async def speak(stub: "pb_grpc.SynthesisServiceAsyncStub", seed: int) -> Served:
    config, began_at, first_ms, pcm = speech_config(), time.perf_counter(), 0.0, b""
    config.sampling.seed, config.sampling.max_new_tokens = seed, NUM_ROWS
    async for response in stub.SynthesizeOnce(pb.SynthesizeOnceRequest(text=TEXT, config=config), timeout=120):
        if response.HasField("audio"):
            first_ms = first_ms or (time.perf_counter() - began_at) * 1000
            pcm += response.audio.data
    return Served(first_ms, pcm, response.utterance_done.usage.output_tokens)


async def speak_at_once(stub: "pb_grpc.SynthesisServiceAsyncStub", seeds: list[int]) -> tuple[float, list[Served]]:
    """Milliseconds until all are spoken, and each."""
    began_at = time.perf_counter()
    served = await asyncio.gather(*(speak(stub, seed) for seed in seeds))
    return (time.perf_counter() - began_at) * 1000, served


def check(served: list[Served], bare: Bare) -> None:
    """Both sides must have done the same work."""
    if {each.num_rows for each in served} != {NUM_ROWS}:
        raise RuntimeError(f"a speech ended early: {sorted(each.num_rows for each in served)} rows")
    until = len(bare.pcm) - FADED_BYTES
    if len(served[0].pcm) != len(bare.pcm) or served[0].pcm[:until] != bare.pcm[:until]:
        raise RuntimeError("the server's samples are not the bare model's")


@dataclass
class Rounds:
    """Milliseconds a row, round after round; milliseconds to the first audio."""

    served: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    language_model: list[float] = field(default_factory=list)
    engine_cpu: list[float] = field(default_factory=list)
    front_cpu: list[float] = field(default_factory=list)
    bare_cpu: list[float] = field(default_factory=list)
    served_first: list[float] = field(default_factory=list)
    bare_first: list[float] = field(default_factory=list)


def cpu_ms(server: Server) -> tuple[float, float]:
    """CPU time so far of the front, and of the engine processes; of those only one has work."""
    front, *engines = process_tree(server.pid)
    return cpu_s(front) * 1000, sum(map(cpu_s, engines)) * 1000


async def measure(server: Server, model: BareModel, seeds: list[int]) -> Rounds:
    """Speak in turns, on both sides."""
    rounds = Rounds()
    async with aio.insecure_channel(server.grpc_target) as channel:
        stub = pb_grpc.SynthesisServiceStub(channel)
        for index in range(ROUNDS[len(seeds)] + 1):
            bare = await asyncio.to_thread(model.speak, TEXT, seeds, NUM_ROWS)
            await asyncio.sleep(PAUSE_S / 3)
            front_ms, engine_ms = cpu_ms(server)
            total_ms, served = await speak_at_once(stub, seeds)
            front_end_ms, engine_end_ms = cpu_ms(server)
            await asyncio.sleep(PAUSE_S / 3)
            check(served, bare)
            if index:  # the first round warms up
                rounds.served.append(total_ms / NUM_ROWS)
                rounds.front_cpu.append((front_end_ms - front_ms) / NUM_ROWS)
                rounds.engine_cpu.append((engine_end_ms - engine_ms) / NUM_ROWS)
                rounds.served_first += [each.first_ms for each in served]
                rounds.bare.append(bare.total_ms / NUM_ROWS)
                rounds.bare_cpu.append(bare.cpu_ms / NUM_ROWS)
                rounds.language_model.append((bare.total_ms - bare.codec_ms) / NUM_ROWS)
                rounds.bare_first.append(bare.first_ms)
    return rounds


def report(bench: Bench, said: str, rounds: Rounds) -> None:
    bench.add(
        figure(f"{said}, first audio, served", rounds.served_first),
        figure(f"{said}, first audio, bare model", rounds.bare_first),
        figure(f"{said}, a row, served", rounds.served),
        figure(f"{said}, a row, bare model and codec", rounds.bare),
        figure(f"{said}, a row, bare language model", rounds.language_model, note="without the codec's windows"),
        ratio_of(f"{said}, a row, served / bare", rounds.served, rounds.bare, to="bare model and codec", limit=1.15),
        figure(f"{said}, a row, CPU of the engine process", rounds.engine_cpu),
        figure(f"{said}, a row, CPU of the front", rounds.front_cpu),
        figure(f"{said}, a row, CPU of the bare model and codec", rounds.bare_cpu),
        ratio_of(
            f"{said}, a row, CPU, engine process / bare",
            rounds.engine_cpu,
            rounds.bare_cpu,
            to="CPU of the bare model and codec",
            limit=None,
        ),
    )


def main() -> None:
    end_on_signals()
    bench = Bench("higgs_tiny")
    with tempfile.TemporaryDirectory() as name:
        server = start_server(config=higgs_config(Path(name)))
        try:
            model = BareModel(Path(name) / "tiny", num_blocks=NUM_BLOCKS, max_sequences=MOST_AT_ONCE)
            seeds = model.lasting_seeds(TEXT, MOST_AT_ONCE, NUM_ROWS)
            for at_once in ROUNDS:
                bench.begin(f"{at_once} at once")
                report(bench, f"{at_once} at once", asyncio.run(measure(server, model, seeds[:at_once])))
        finally:
            server.stop()
    bench.save()


if __name__ == "__main__":
    main()
