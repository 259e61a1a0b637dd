"""What the HTTP front adds: first byte in every format and way against pcm and gRPC, and uploads it must refuse."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from _calls import TWO_SENTENCES
from _harness import Bench, difference_of, end_on_signals, figure
from _processes import both
from _speech_ways import FORMATS, Heard, NotOffered, Way, over_grpc, over_http, over_socket, over_sse
from _upload import Refusal, upload
from grpc import aio

from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc
from support.servers import Compat, Server, scripted_config

NUM_WARM = 2
NUM_UPLOADS = 3
MIB = 1 << 20
UPLOAD_LIMIT_MIB = 100
"""The front's own limit where nothing else is configured."""
BUFFERS_MIB = 8
"""What the kernel may take on its own for both sides before anybody has read a byte."""
ENCODED = tuple(name for name in FORMATS if name != "pcm")
HELD_BACK = ("mp3", "opus", "aac")
"""Formats that can send bytes without a sound: their codec holds samples back until it has a frame of them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One engine, and the ways in which it is asked."""

    engine: str
    ways: tuple[str, ...]
    num_rounds: int
    text: str
    options: str | None = None
    """Those of the scripted engine; None stands for the default voice."""
    pause_s: float = 0.05


SAME_PCM = ("gRPC", "HTTP pcm", "SSE", "WebSocket")
HTTP_FORMATS = tuple(f"HTTP {name}" for name in FORMATS)
CASES = (
    Case("default voice", tuple(dict.fromkeys((*SAME_PCM, *HTTP_FORMATS))), 30, TWO_SENTENCES),
    Case("engine in real time", HTTP_FORMATS, 12, "a" * 12, "[tts.options]\ndelay_ms = 40.0\n"),
    Case("engine without work", SAME_PCM, 200, "a" * 12, "", pause_s=0.01),
)
"""A text of the scripted engine is as many chunks of 40 ms as it has characters."""

Taken = dict[str, list[Heard]]


@asynccontextmanager
async def ways_to(target: str, url: str) -> AsyncIterator[dict[str, Way]]:
    """Every way to ask the same server, by name."""
    async with aio.insecure_channel(target) as channel, aiohttp.ClientSession() as http:
        ways = {"gRPC": over_grpc(pb_grpc.SynthesisServiceStub(channel))}
        for name in FORMATS:
            ways[f"HTTP {name}"] = over_http(http, url, response_format=name)
        yield ways | {"SSE": over_sse(http, url), "WebSocket": over_socket(http, url)}


async def offered(bench: Bench, case: Case, ways: Mapping[str, Way]) -> dict[str, Way]:
    """Warm up every way, and leave out what this server does not know."""
    known = dict(ways)
    for name, speak in ways.items():
        try:
            for _ in range(NUM_WARM):
                await speak(case.text)
        except NotOffered as reason:
            bench.skip(f"{name}, {case.engine}", str(reason))
            del known[name]
    return known


async def in_turns(ways: Mapping[str, Way], case: Case) -> Taken:
    """Speak a text in every way once a round, in another order each round."""
    taken: Taken = {name: [] for name in ways}
    order, shuffled = list(ways), random.Random(1)
    for _ in range(case.num_rounds):
        shuffled.shuffle(order)
        for name in order:
            taken[name].append(await ways[name](case.text))
            await asyncio.sleep(case.pause_s)
    return taken


def first_bytes(taken: Taken, name: str) -> list[float]:
    return [heard.first_ms for heard in taken[name]]


def first_sounds(taken: Taken, response_format: str) -> list[float]:
    return [heard.first_sound_ms(response_format) for heard in taken[f"HTTP {response_format}"]]


def add_formats(bench: Bench, taken: Taken, engine: str) -> None:
    """Every format against pcm; only mp3 has a limit."""
    pcm = first_bytes(taken, "HTTP pcm")
    for name in ENCODED:
        limit = 60.0 if name == "mp3" else None
        series = {"first byte": first_bytes(taken, f"HTTP {name}")}
        if name in HELD_BACK:
            series["first sound decoded"] = first_sounds(taken, name)
        for what, late in series.items():
            bench.add(difference_of(f"{what}, {name} - pcm, {engine}", late, pcm, to="HTTP pcm", limit=limit))


def add_ways(bench: Bench, taken: Taken, engine: str) -> None:
    """HTTP, SSE and WebSocket against gRPC, all pcm."""
    for name in taken:
        bench.add(figure(f"first byte, {name}, {engine}", first_bytes(taken, name)))
    for name in ("HTTP pcm", "SSE", "WebSocket"):
        if name in taken:
            limit = 2.0 if name == "HTTP pcm" else None
            late, grpc = first_bytes(taken, name), first_bytes(taken, "gRPC")
            bench.add(difference_of(f"first byte, {name} - gRPC, {engine}", late, grpc, to="gRPC", limit=limit))


async def measure(bench: Bench, server: Server, compat: Compat, case: Case) -> None:
    """Take all ways of a case in turns."""
    async with ways_to(server.grpc_target, compat.http_url) as ways:
        known = await offered(bench, case, {name: ways[name] for name in case.ways})
        taken = await in_turns(known, case)
    if "gRPC" in taken:
        add_ways(bench, taken, case.engine)
    if "HTTP mp3" in taken:
        add_formats(bench, taken, case.engine)


def measure_uploads(bench: Bench, compat: Compat) -> None:
    for said, is_announced, limit in (
        ("announced", True, BUFFERS_MIB),
        ("in chunks", False, UPLOAD_LIMIT_MIB + BUFFERS_MIB),
    ):
        refused = [
            upload(compat.address, "/v1/audio/transcriptions", is_announced=is_announced) for _ in range(NUM_UPLOADS)
        ]
        require_refusals(refused)
        name = f"1 GiB upload {said}"
        before_mib = [each.answered_after_bytes / MIB for each in refused]
        in_all_mib = [each.taken_bytes / MIB for each in refused]
        bench.add(
            figure(f"{name}, sent before the answer", before_mib, "MiB", limit),
            figure(f"{name}, time to the answer", [each.answered_after_ms for each in refused]),
            figure(f"{name}, taken from a client that does not stop", in_all_mib, "MiB", limit),
        )


def require_refusals(refused: Sequence[Refusal]) -> None:
    if any(each.status != 413 for each in refused):
        raise RuntimeError(f"an upload that is too large was answered with {[each.status for each in refused]}")


@contextmanager
def processes(options: str | None) -> Iterator[tuple[Server, Compat]]:
    """Run our two processes, with a scripted engine where its options are given."""
    with tempfile.TemporaryDirectory() as folder:
        config = None if options is None else scripted_config(Path(folder), options)
        with both(config=config) as running:
            yield running


def main() -> None:
    end_on_signals()
    bench = Bench("http_front")
    for case in CASES:
        bench.begin(f"first byte, {case.engine}")
        with processes(case.options) as (server, compat):
            asyncio.run(measure(bench, server, compat, case))
            if case is CASES[-1]:
                bench.begin("uploads that are too large")
                measure_uploads(bench, compat)
    bench.save()


if __name__ == "__main__":
    main()
