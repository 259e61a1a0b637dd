"""What the HTTP front holds: 200 downloads that are read slowly, their cancelling, and 1 000 requests left midway."""

import asyncio
import contextlib
import json
import random
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvloop
from _harness import Bench, end_on_signals, figure, memory_mib, process_tree
from _processes import both

from support.servers import Compat, Server, scripted_config

NUM_DOWNLOADS = 200
TEXT_CHARS = 5_000
CHUNK_S = 0.04
"""The scripted engine makes a chunk of this length for each character: 200 s of audio a request."""
READ_BYTES, READ_EVERY_S = 1_024, 1.0
"""What a slow reader takes: an eighth of what it would take to play mp3."""
HELD_S = 30.0
HELD_LIMIT_MIB = 100.0
NUM_ABORTS = 1_000
NUM_WARM_ABORTS = 2_000
ABORTS_AT_ONCE = 16
LONGEST_STAY_S = 0.15
SETTLE_LIMIT_S = 30.0
BOUNDARY = "b"
CONFIG = """
[limits]
max_synthesis_calls = 512
max_transcription_calls = 512
max_conversation_calls = 512
[tts.options]
max_concurrent_calls = 512
pulled_path = "{folder}/pulled"
closed_path = "{folder}/closed"
"""


@dataclass
class Processes:
    """The pair under load, and what their engine did."""

    server: Server
    compat: Compat
    folder: Path

    @property
    def port(self) -> int:
        return int(self.compat.address.rsplit(":", 1)[1])

    @property
    def pids(self) -> tuple[int, int]:
        return self.server.pid, self.compat.pid

    def resident_mib(self) -> tuple[float, float]:
        return memory_mib(self.server.pid)["Rss"], memory_mib(self.compat.pid)["Rss"]

    def engine_mib(self) -> float:
        return sum(memory_mib(pid)["Rss"] for pid in process_tree(self.server.pid)[1:])

    def num_descriptors(self) -> list[int]:
        return [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids]

    def num_pulled(self) -> int:
        return self._size("pulled")

    def num_running(self) -> float:
        """Requests of the front and calls of the server that have not ended."""
        return self._sum(f"http://{self.compat.address}/metrics", "antiphon_http_requests_running") - 1 + self._calls()

    def _calls(self) -> float:
        address = next(json.loads(line)["address"] for line in self.server.log_lines if "metrics_served" in line)
        return self._sum(f"http://{address}/metrics", "antiphon_calls_running")

    @staticmethod
    def _sum(url: str, name: str) -> float:
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def _size(self, name: str) -> int:
        path = self.folder / name
        return path.stat().st_size if path.exists() else 0


@contextlib.contextmanager
def running() -> Iterator[Processes]:
    with tempfile.TemporaryDirectory() as name:
        config = scripted_config(Path(name), CONFIG.format(folder=name))
        with both("--metrics", "127.0.0.1:0", config=config) as (server, compat):
            yield Processes(server, compat, Path(name))


def speech(response_format: str, **fields: object) -> bytes:
    """A request for 200 s of audio."""
    body = json.dumps({"input": "a" * TEXT_CHARS, "response_format": response_format, **fields}).encode()
    return _post("/v1/audio/speech", "application/json", body)


def upload() -> bytes:
    """A form with half a megabyte of audio."""
    lines = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'.encode()
    body = lines + bytes(512 * 1024) + f"\r\n--{BOUNDARY}--\r\n".encode()
    return _post("/v1/audio/transcriptions", f"multipart/form-data; boundary={BOUNDARY}", body)


def conversation() -> bytes:
    """The handshake of the voice socket and a typed turn in a masked frame."""
    message = json.dumps({"type": "text", "text": "a" * 50}).encode()
    frame = bytes([0x81, 0x80 | len(message), 0, 0, 0, 0]) + message
    lines = ("GET /ws/voice HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade")
    keys = ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", "")
    return "\r\n".join((*lines, *keys)).encode() + frame


def _post(path: str, media_type: str, body: bytes) -> bytes:
    lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {media_type}", f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body


class SlowReader(asyncio.Protocol):
    """Takes a little every second."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.num_bytes = 0

    def data_received(self, data: bytes) -> None:
        self.num_bytes += len(data)
        self.transport.pause_reading()
        loop = asyncio.get_running_loop()
        loop.call_later(READ_EVERY_S * len(data) / READ_BYTES, self._go_on)

    def _go_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()


async def open_downloads(port: int, request: bytes) -> list[SlowReader]:
    loop, readers = asyncio.get_running_loop(), []
    for _ in range(NUM_DOWNLOADS):
        transport, reader = await loop.create_connection(SlowReader, "127.0.0.1", port)
        transport.write(request)
        readers.append(reader)
    return readers


async def settled(processes: Processes, descriptors: list[int]) -> float:
    """Wait until nothing runs and no descriptor is left over; milliseconds."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    async with asyncio.timeout(SETTLE_LIMIT_S):
        while True:
            left = await asyncio.to_thread(processes.num_running)
            now = processes.num_descriptors()
            if not left and all(a <= b for a, b in zip(now, descriptors, strict=True)):
                return (loop.time() - began_s) * 1000
            await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Downloads:
    """What is downloaded 200 times."""

    name: str
    request: bytes


async def measure_downloads(bench: Bench, processes: Processes, downloads: Downloads) -> None:
    await leave_midway(processes, 50)  # what is allocated once is not held by downloads
    idle, idle_engine, descriptors = processes.resident_mib(), processes.engine_mib(), processes.num_descriptors()
    pulled = processes.num_pulled()
    readers = await open_downloads(processes.port, downloads.request)
    peak = idle
    for _ in range(int(HELD_S * 2)):
        await asyncio.sleep(0.5)
        peak = max(peak, processes.resident_mib(), key=sum)
    if min(reader.num_bytes for reader in readers) == 0:
        raise RuntimeError("a download has not begun")
    made_s = (processes.num_pulled() - pulled) * CHUNK_S / NUM_DOWNLOADS
    engine = processes.engine_mib()
    for reader in readers:
        reader.transport.abort()
    freed_ms = await settled(processes, descriptors)
    held = [now - before for now, before in zip(peak, idle, strict=True)]
    what = f"{NUM_DOWNLOADS} slow downloads, {downloads.name}"
    bench.add(
        figure(
            f"{what}: held by both",
            [sum(held)],
            unit="MiB",
            limit=HELD_LIMIT_MIB,
        ),
        figure(f"{what}: held by the server", [held[0]], unit="MiB"),
        figure(f"{what}: held by the front", [held[1]], unit="MiB"),
        figure(f"{what}: RSS of both in all", [sum(peak)], unit="MiB"),
        figure(f"{what}: held by the engine", [engine - idle_engine], unit="MiB"),
        figure(f"{what}: audio made for each", [made_s], unit="s"),
        figure(f"{what}: all left, until nothing runs", [freed_ms]),
    )


async def leave_midway(processes: Processes, number: int) -> None:
    """Begin requests of every kind and break their connections after a random while, in the middle of anything."""
    chance, room = random.Random(number), asyncio.Semaphore(ABORTS_AT_ONCE)
    kinds = [
        speech("pcm", stream=True),
        speech("mp3", stream=True),
        speech("opus", stream_format="sse"),
        speech("flac"),
        upload(),
        conversation(),
    ]

    async def one() -> None:
        async with room:
            request = chance.choice(kinds)
            if chance.random() < 0.3:
                request = request[: chance.randrange(1, len(request))]
            _, writer = await asyncio.open_connection("127.0.0.1", processes.port)
            writer.write(request)
            await asyncio.sleep(chance.random() * LONGEST_STAY_S)
            writer.transport.abort()

    await asyncio.gather(*(one() for _ in range(number)))


async def measure_aborts(bench: Bench, processes: Processes) -> None:
    descriptors = processes.num_descriptors()
    await leave_midway(processes, NUM_WARM_ABORTS)
    await settled(processes, descriptors)
    before = processes.resident_mib()
    await leave_midway(processes, NUM_ABORTS)
    settled_ms = await settled(processes, descriptors)
    growth = [now - then for now, then in zip(processes.resident_mib(), before, strict=True)]
    left = sum(processes.num_descriptors()) - sum(descriptors)
    bench.add(
        figure(f"{NUM_ABORTS} requests left midway: descriptors left over", [max(0, left)], unit="", limit=0),
        figure(f"{NUM_ABORTS} requests left midway: requests and calls left", [processes.num_running()], "", limit=0),
        figure(f"{NUM_ABORTS} requests left midway: growth of the server", [growth[0]], unit="MiB"),
        figure(f"{NUM_ABORTS} requests left midway: growth of the front", [growth[1]], unit="MiB"),
        figure(f"{NUM_ABORTS} requests left midway: the last one, until nothing runs", [settled_ms]),
    )


DOWNLOADS = (
    Downloads("pcm", speech("pcm", stream=True)),
    Downloads("mp3", speech("mp3", stream=True)),
    Downloads("opus in events", speech("opus", stream_format="sse")),
    Downloads("aac", speech("aac", stream=True)),
    Downloads("flac", speech("flac", stream=True)),
)


def main() -> None:
    end_on_signals()
    bench = Bench("http_load")
    for downloads in DOWNLOADS:
        with running() as processes:  # new ones, so that what one has given back does not serve the next
            uvloop.run(measure_downloads(bench, processes, downloads))
    with running() as processes:
        uvloop.run(measure_aborts(bench, processes))
    bench.save()


if __name__ == "__main__":
    main()
