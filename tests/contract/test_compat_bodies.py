"""Bodies that are refused: invited late, not read to their end, and answered so that the sender sees it."""

import asyncio
import contextlib
import json

import pytest
from compat_peer import LIMIT_S, compat
from openai import APIStatusError, AsyncOpenAI

GIGABYTE = 1 << 30
PIECE = b"x" * (1 << 16)
# What systems keep between two programs of one machine, and what is read while the sender learns that it should stop.
UNREAD_LIMIT = 24 << 20
HEAD = "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
FORM = "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'


@contextlib.asynccontextmanager
async def connection(http):
    reader, writer = await asyncio.open_connection(http.host, http.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], dict]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(status.split()[1]), headers, json.loads(body) if body else {}


async def push(writer: asyncio.StreamWriter, limit: int, *, chunked: bool) -> tuple[int, type[Exception] | None]:
    """Send until the other side has had enough; the bytes sent and how it said so."""
    sent = 0
    try:
        while sent < limit:
            writer.write(b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if chunked else PIECE)
            await writer.drain()
            sent += len(PIECE)
    except ConnectionError as error:
        return sent, type(error)
    return sent, None


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(("head", "start"), [(HEAD, b""), (FORM, FILE)], ids=["json", "form"])
async def test_gigabyte_is_refused_without_being_read(head, start, is_chunked):
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {GIGABYTE}"
    first = b"%x\r\n%s\r\n" % (len(start), start) if is_chunked and start else start
    async with compat(max_json_mb=1, max_upload_mb=1) as (_, http), connection(http) as (reader, writer):
        async with asyncio.timeout(LIMIT_S):
            writer.write(f"{head}{framing}\r\n\r\n".encode() + first)
            answer = asyncio.ensure_future(read_answer(reader))
            sent, ending = await push(writer, GIGABYTE, chunked=is_chunked)
            status, headers, body = await answer
    assert (status, body["error"]["code"], headers["connection"]) == (413, "body_too_large", "close")
    assert sent < UNREAD_LIMIT
    assert ending is not None


async def test_announced_gigabyte_is_refused_before_its_first_byte():
    async with compat() as (_, http), connection(http) as (reader, writer):
        async with asyncio.timeout(LIMIT_S):
            writer.write(f"{HEAD}Content-Length: {GIGABYTE}\r\n\r\n".encode())
            status, headers, _ = await read_answer(reader)
            assert (status, headers["connection"]) == (413, "close")
            assert await reader.read() == b""  # the other side is done, and says so


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        (HEAD + "Content-Length: 14\r\n", b'{"input": "a"}', 200),
        (HEAD + f"Content-Length: {GIGABYTE}\r\n", b"", 413),
        (HEAD.replace("application/json", "image/png") + "Content-Length: 9\r\n", b"", 415),
        (HEAD + "Content-Length: 9\r\nOrigin: https://evil.example\r\n", b"", 403),
        (FORM + f"Content-Length: {GIGABYTE}\r\n", b"", 413),
    ],
)
async def test_body_is_invited_only_where_it_is_wanted(head, body, status):
    async with compat() as (_, http), connection(http) as (reader, writer), asyncio.timeout(LIMIT_S):
        writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
        if body:
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
        head_line = await reader.readline()
        assert head_line.split()[1] == str(status).encode()


async def test_another_expectation_is_a_417():
    async with compat() as (peer, http):
        answer = await http.post("/v1/audio/speech", json={"input": "a"}, headers={"Expect": "a miracle"})
        assert (answer.status, (await answer.json())["error"]["code"]) == (417, "expectation_failed")
        assert peer.num_calls == 0


async def test_short_rest_is_read_and_the_connection_stays_open():
    body = b"x" * 100_000
    request = HEAD.replace("application/json", "image/png") + f"Content-Length: {len(body)}\r\n\r\n"
    async with compat() as (_, http), connection(http) as (reader, writer), asyncio.timeout(LIMIT_S):
        for _ in range(3):
            writer.write(request.encode())
            status, headers, _ = await read_answer(reader)
            writer.write(body)
            assert (status, headers.get("connection")) == (415, None)


async def test_sdk_that_looks_for_an_answer_after_its_last_byte_sees_the_413():
    async with compat(max_upload_mb=1) as (peer, http):
        async with AsyncOpenAI(base_url=str(http.make_url("/v1")), api_key="none", max_retries=0) as client:
            with pytest.raises(APIStatusError) as caught:
                await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", bytes(12 << 20)))
        assert (caught.value.status_code, caught.value.code) == (413, "body_too_large")
        assert peer.num_calls == 0
