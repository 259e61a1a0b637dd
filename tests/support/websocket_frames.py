"""A WebSocket client that sends whatever bytes it is told to, and answers nothing by itself."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x01\x02\x03\x04"
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def frame(opcode: int, payload: bytes = b"", *, is_final: bool = True, reserved: int = 0) -> bytes:
    """One masked frame; ``reserved`` is the three bits, 4 for RSV1."""
    first = (0x80 if is_final else 0) | reserved << 4 | opcode
    mask = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload) ^ int.from_bytes(mask)
    return bytes([first]) + length(len(payload)) + MASK + masked.to_bytes(len(payload))


def length(number: int) -> bytes:
    """The length field of a masked frame, shortest form."""
    if number < 126:
        return bytes([0x80 | number])
    return struct.pack(">BH", 0xFE, number) if number < 65536 else struct.pack(">BQ", 0xFF, number)


@dataclass
class FrameClient:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: str = ""

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame of the server."""
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        return first & 0x0F, await self.reader.readexactly(size)

    async def receive_close(self) -> tuple[int, str]:
        """Code and reason of the server's farewell; what comes before is skipped."""
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big"), payload[2:].decode()


@contextlib.asynccontextmanager
async def frame_client(host: str, port: int, *, path: str = "/ws/voice") -> AsyncIterator[FrameClient]:
    """Shake hands."""
    reader, writer = await asyncio.open_connection(host, port)
    client = FrameClient(reader, writer)
    try:
        await client.send(HANDSHAKE.format(path=path).encode())
        client.head = (await reader.readuntil(b"\r\n\r\n")).decode()
        yield client
    finally:
        writer.transport.abort()
