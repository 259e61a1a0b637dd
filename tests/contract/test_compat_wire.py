"""HTTP itself: requests that are malformed, oversized or odd get one JSON error, and nothing they sent comes back."""

import asyncio
import json
import logging

import pytest
from compat_peer import LIMIT_S, compat

HOST = b"Host: localhost\r\n"
MARK = b"s3cret"  # in every request below: neither answers nor logs may hold it
LONG = MARK * 2000
FRAMED = b"POST /v1/audio/speech HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"

MALFORMED = {
    "address too long": (b"GET /" + LONG + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "uri_too_long"),
    "header too long": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + LONG + b"\r\n\r\n", 431, "headers_too_large"),
    "header name too long": (b"GET / HTTP/1.1\r\n" + HOST + LONG + b": x\r\n\r\n", 431, "headers_too_large"),
    "too many headers": (
        b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X%d: s3cret\r\n" % at for at in range(300)) + b"\r\n",
        431,
        "headers_too_large",
    ),
    "unknown method": (b"S3CRET /s3cret HTTP/1.1\r\n" + HOST + b"\r\n", 400, "invalid_field"),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "invalid_field"),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "invalid_field"),
    "HTTP/9.9": (b"GET /s3cret HTTP/9.9\r\n" + HOST + b"\r\n", 400, "invalid_field"),
    "no host": (b"GET /s3cret HTTP/1.1\r\n\r\n", 400, "invalid_field"),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + b"Host: s3cret\r\n\r\n", 400, "invalid_field"),
    "header without a colon": (b"GET / HTTP/1.1\r\n" + HOST + b"s3cret\r\n\r\n", 400, "invalid_field"),
    "folded header": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n s3cret\r\n\r\n", 400, "invalid_field"),
    "zero byte": (b"GET / HTTP/1.1\r\n" + HOST + b"X: s3cret\x00\r\n\r\n", 400, "invalid_field"),
    "space in the address": (b"GET /s3cret b HTTP/1.1\r\n" + HOST + b"\r\n", 400, "invalid_field"),
    "raw UTF-8 in the address": ("GET /s3cret-é HTTP/1.1\r\n".encode() + HOST + b"\r\n", 400, "invalid_field"),
    "broken address": (b"GET http://[::s3cret HTTP/1.1\r\n" + HOST + b"\r\n", 400, "invalid_field"),
    "bare line feeds": (b"GET /s3cret HTTP/1.1\nHost: a\n\n", 400, "invalid_field"),
    "length is no number": (FRAMED + b"Content-Length: s3cret\r\n\r\n", 400, "invalid_field"),
    "negative length": (FRAMED + b"Content-Length: -1\r\n\r\n", 400, "invalid_field"),
    "two lengths": (FRAMED + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "invalid_field"),
    "length and chunks": (FRAMED + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "invalid_field"),
    "unknown transfer coding": (FRAMED + b"Transfer-Encoding: s3cret\r\n\r\n", 400, "invalid_field"),
    "broken chunk": (FRAMED + b"Transfer-Encoding: chunked\r\n\r\ns3cret\r\n", 400, "invalid_field"),
    "brotli": (FRAMED + b"Content-Encoding: br\r\nContent-Length: 6\r\n\r\ns3cret", 415, "unsupported_media_type"),
    "unknown coding": (
        FRAMED + b"Content-Encoding: s3cret\r\nContent-Length: 6\r\n\r\ns3cret",
        415,
        "unsupported_media_type",
    ),
    "not gzip": (FRAMED + b"Content-Encoding: gzip\r\nContent-Length: 6\r\n\r\ns3cret", 400, "invalid_field"),
    "expectation of an unknown route": (
        b"POST /s3cret HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\nExpect: s3cret\r\n\r\n",
        417,
        "expectation_failed",
    ),
    "all the server": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"X: s3cret\r\n\r\n", 404, "not_found"),
    "proxy": (b"CONNECT s3cret:1 HTTP/1.1\r\n" + HOST + b"\r\n", 404, "not_found"),
    "double slashes": (b"GET //v1//s3cret HTTP/1.1\r\n" + HOST + b"\r\n", 404, "not_found"),
    "trailing slash": (b"GET /v1/models/?s3cret HTTP/1.1\r\n" + HOST + b"\r\n", 404, "not_found"),
    "method of WebDAV": (b"PROPFIND /v1/models?s3cret HTTP/1.1\r\n" + HOST + b"\r\n", 405, "method_not_allowed"),
    "trace": (b"TRACE /v1/models?s3cret HTTP/1.1\r\n" + HOST + b"\r\n", 405, "method_not_allowed"),
}
ODD = {
    "HTTP/1.0 without a host": b"GET /v1/ HTTP/1.0\r\n\r\n",
    "absolute address": b"GET http://localhost/v1/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "offer of HTTP/2": b"GET /v1/ HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "query that nobody asked for": b"GET /v1/?a=%FF&a=[] HTTP/1.1\r\n" + HOST + b"\r\n",
}


async def exchange(http, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send raw bytes; the answer's status, headers and body."""
    reader, writer = await asyncio.open_connection(http.host, http.port)
    async with asyncio.timeout(LIMIT_S):
        writer.write(request)
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    return int(status.split()[1]), headers, body


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_http_does_not_allow_is_one_json_error(name, caplog):
    caplog.set_level(logging.INFO)
    request, status, code = MALFORMED[name]
    async with compat() as (peer, http):
        seen, headers, body = await exchange(http, request)
        error = json.loads(body)["error"]
        assert (seen, error["code"]) == (status, code)
        assert list(error) == ["message", "type", "param", "code"]
        assert headers["x-should-retry"] == "false"
        assert (headers["server"], len(headers["x-request-id"])) == ("antiphon", 32)
        assert "s3cret" not in body.decode().lower()
        assert "s3cret" not in caplog.text.lower()
        assert peer.num_calls == 0


@pytest.mark.parametrize("name", ODD)
async def test_what_http_allows_is_answered(name):
    async with compat() as (_, http):
        status, _, body = await exchange(http, ODD[name])
        assert (status, json.loads(body)["status"]) == (200, "ok")


@pytest.mark.parametrize("path", ["/", "/v1/", "/live", "/ready", "/health", "/v1/models", "/v1/models/mouth", "/docs"])
async def test_head_is_get_without_a_body(path):
    async with compat() as (_, http):
        told, got = await http.head(path), await http.get(path)
        assert (told.status, await told.read()) == (got.status, b"")
        assert told.headers["Content-Length"] == got.headers["Content-Length"] == str(len(await got.read()))
        assert told.content_type == got.content_type
