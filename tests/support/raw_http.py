"""HTTP/1.1 as bytes: requests exactly as written, and answers taken apart."""

import asyncio
import gzip
import json
import struct
from dataclasses import dataclass, field

BOUNDARY = "----b"


@dataclass
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def error(self) -> dict[str, object]:
        return dict(json.loads(self.body)["error"])


NOTHING = Answer(0)
"""The connection ended without an answer."""


async def exchange(host: str, port: int, data: bytes, *, is_half_closed: bool = False) -> Answer:
    """Send a request on a connection of its own and read the answer."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        sending = asyncio.create_task(_send(writer, data, is_half_closed=is_half_closed))
        answer = await read_answer(reader)
        sending.cancel()
        await asyncio.wait([sending])
        return answer
    finally:
        writer.transport.abort()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one answer; 100 Continue is passed over."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return NOTHING
    first, *lines = head.rstrip().split("\r\n")
    status = int(first.split()[1])
    if status == 100:
        return await read_answer(reader)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(status, headers, b"" if status in (101, 204) else await _body(reader, headers))


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        return body
    return await reader.readexactly(int(headers.get("content-length", "0")))


async def _send(writer: asyncio.StreamWriter, data: bytes, *, is_half_closed: bool) -> None:
    try:
        writer.write(data)
        await writer.drain()
        if is_half_closed:
            writer.write_eof()
    except ConnectionError:
        return  # refused before it was read


def head(line: str, *headers: str) -> bytes:
    """A request without a body."""
    return "\r\n".join([line, "Host: 127.0.0.1", *headers, "", ""]).encode()


def post(path: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """A POST whose length is true unless another one is given."""
    size = len(body) if length is None else length
    return head(f"POST {path} HTTP/1.1", f"Content-Length: {size}", *headers) + body


def post_json(path: str, body: object, *headers: str) -> bytes:
    """A POST of JSON; text and bytes are sent as they are."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return post(path, raw, "Content-Type: application/json", *headers)


def post_chunks(path: str, chunks: bytes, *headers: str) -> bytes:
    """A POST of JSON in chunks that are written out by the caller."""
    lines = ("Transfer-Encoding: chunked", "Content-Type: application/json", *headers)
    return head(f"POST {path} HTTP/1.1", *lines) + chunks


def part(name: str, value: str | bytes, *headers: str, filename: str | None = None) -> bytes:
    """One part of a form; with a file name it is a file."""
    raw = value.encode() if isinstance(value, str) else value
    named = f'; filename="{filename}"' if filename is not None else ""
    lines = [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{name}"{named}', *headers, "", ""]
    return "\r\n".join(lines).encode() + raw + b"\r\n"


def post_form(path: str, *parts: bytes, ending: bytes = f"--{BOUNDARY}--\r\n".encode()) -> bytes:
    """A POST of a multipart form."""
    return post(path, b"".join(parts) + ending, f"Content-Type: multipart/form-data; boundary={BOUNDARY}")


def wav(num_samples: int = 1600, *, rate_hz: int = 16_000) -> bytes:
    """A silent mono WAV file."""
    size = num_samples * 2
    fields = (b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16, b"data", size)
    return struct.pack("<4sI4s4sIHHIIHH4sI", *fields) + bytes(size)


def bomb(num_mib: int) -> bytes:
    """Gzip of that many MiB of blanks, about a thousandth of it long."""
    return gzip.compress(b" " * (num_mib << 20), 9)
