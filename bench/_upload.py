"""An upload that is far too large, by a client that sends as fast as it can: how much is taken before it is refused."""

import select
import socket
import time
from dataclasses import dataclass

GIB = 1 << 30
PIECE = bytes(64 * 1024)
SEND_BUFFER_BYTES = 64 * 1024
"""Small, so that what was sent is what the other side took and not what lies in this side's kernel."""
LIMIT_S = 30.0
_BOUNDARY = "bench"
_FORM_HEAD = (
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
).encode()


@dataclass(frozen=True, slots=True)
class Refusal:
    """How an upload ended."""

    status: int
    answered_after_bytes: int
    answered_after_ms: float
    taken_bytes: int
    """Sent in all, by a client that does not stop when it is answered."""


def upload(address: str, path: str, *, is_announced: bool) -> Refusal:
    """Send a file of 1 GiB, with its length in the head or in chunks of unknown number."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=LIMIT_S) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        connection.sendall(_head(address, path, is_announced=is_announced))
        connection.settimeout(0)
        return _pour(connection, b"" if is_announced else b"%x\r\n" % len(PIECE), b"" if is_announced else b"\r\n")


def _head(address: str, path: str, *, is_announced: bool) -> bytes:
    length = f"Content-Length: {GIB}" if is_announced else "Transfer-Encoding: chunked"
    kind = f"Content-Type: multipart/form-data; boundary={_BOUNDARY}"
    head = f"POST {path} HTTP/1.1\r\nHost: {address}\r\n{kind}\r\n{length}\r\n\r\n"
    first = _FORM_HEAD if is_announced else b"%x\r\n%s\r\n" % (len(_FORM_HEAD), _FORM_HEAD)
    return head.encode() + first


def _pour(connection: socket.socket, before: bytes, after: bytes) -> Refusal:
    piece = before + PIECE + after
    began_at = time.perf_counter()
    sent, pending, answer = 0, b"", b""
    answered_at, answered_after = 0.0, 0
    while sent < GIB and time.perf_counter() - began_at < LIMIT_S:
        readable, writable, _ = select.select([connection], [connection], [], 1.0)
        try:
            if readable:
                got = connection.recv(65536)
                if not got:
                    break
                if not answer:
                    answered_at, answered_after = time.perf_counter(), sent
                answer += got
            if writable:
                pending = pending or piece
                taken = connection.send(pending)
                sent, pending = sent + taken, pending[taken:]
        except ConnectionError:  # reset: the server wants no more
            break
    if not answer:
        raise RuntimeError(f"no answer after {sent} bytes")
    return Refusal(int(answer.split(b" ", 2)[1]), answered_after, (answered_at - began_at) * 1000, sent)
