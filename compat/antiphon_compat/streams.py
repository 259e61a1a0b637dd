"""Bodies that are sent while they are made: at the pace of their reader, and never ended as if they were whole."""

import asyncio
import socket
import struct

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from antiphon_compat.errors import ApiError
from antiphon_compat.upstream import FAILURE_KEY

STREAM_HEADERS = {
    "X-Accel-Buffering": "no",  # a proxy that collects the body would undo the streaming
    "Cache-Control": "no-cache",
}
"""Headers of every body that is sent while it is made."""

STALL_LIMIT_S = 300.0
"""How long a client may take nothing of what is sent to it; one that is only slow is waited for."""

_FLUSH_S = 5.0
_PIECE_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # linger for no time: what is left is dropped and the peer gets RST


async def write_in_time(response: web.StreamResponse, data: bytes) -> None:
    """Write at the pace of the client.

    Raises:
        ConnectionError: The client is gone, or takes nothing any more.
    """
    try:
        for at in range(0, len(data), _PIECE_BYTES):
            async with asyncio.timeout(STALL_LIMIT_S):
                await response.write(data[at : at + _PIECE_BYTES])
                # aiohttp looks only every 64 KiB whether the client keeps up: that is eight seconds of mp3.
                await _writer_of(response).drain()
    except TimeoutError:
        raise ConnectionResetError("the client takes nothing") from None


def _writer_of(response: web.StreamResponse) -> AbstractStreamWriter:
    writer = response._payload_writer  # noqa: SLF001  # aiohttp is pinned, and offers drain() only on requests
    if writer is None:
        raise RuntimeError("the response was not prepared")
    return writer


def note_failure(request: web.Request, error: ApiError | ConnectionError) -> None:
    """Let the log say why a body is not whole: its status went out before."""
    request[FAILURE_KEY] = error.row.http_code if isinstance(error, ApiError) else "client_gone"


def cut_off(request: web.Request) -> None:
    """Close the connection without ending the body; what was written is still sent, if the client reads it soon.

    Where the body ends with the connection, as in HTTP/1.0, only a reset says that it is not whole.
    """
    transport = request.transport
    if transport is None:
        return
    if request.version < HttpVersion11:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
        return
    transport.close()
    asyncio.get_running_loop().call_later(_FLUSH_S, transport.abort)
