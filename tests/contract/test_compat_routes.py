"""Routes around the audio ones: models, health, errors of HTTP itself, logs."""

import asyncio
import contextlib
import json
import logging
import socket
import urllib.parse

import pytest
import yarl
from compat_peer import LIMIT_S, Peer, compat, front, serving

from antiphon.speech.v1 import model_service_pb2

KEYS = ["message", "type", "param", "code"]


async def test_models_lists_what_is_installed():
    async with compat() as (_, http):
        body = await (await http.get("/v1/models")).json()
        assert body == {
            "object": "list",
            "data": [{"id": "mouth", "object": "model", "created": 0, "owned_by": "us"}],
        }


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("mouth", 200, None),
        ("tts-1", 200, None),
        ("absent", 404, "model_not_installed"),
        ("nobody", 404, "model_not_found"),
        ("x%2F..%2F..%2Fetc", 404, "model_not_found"),
        ("m" * 300, 404, "model_not_found"),
        ("%FF%00", 404, "model_not_found"),
    ],
)
async def test_one_model_by_id_or_alias(name, status, code):
    async with compat() as (_, http):
        answer = await http.get(f"/v1/models/{name}")
        body = await answer.json()
        assert answer.status == status
        assert body["id"] == "mouth" if status == 200 else body["error"]["code"] == code


@pytest.mark.parametrize(
    "path", ["org/mouth:1", "org%2Fmouth%3A1", "%6Frg%2Fmouth:1", "m%C3%BCnd", "münd", "a%20b%25c"]
)
async def test_id_may_hold_what_a_path_cannot(path):
    async with compat() as (peer, http):
        for name in ("org/mouth:1", "münd", "a b%c"):
            peer.models.append(model_service_pb2.Model(id=name, state=model_service_pb2.MODEL_STATE_READY))
        answer = await http.get(yarl.URL(f"/v1/models/{path}", encoded="%" in path))
        assert (answer.status, (await answer.json())["id"]) == (200, urllib.parse.unquote(path))


async def test_health_shows_every_model():
    async with compat() as (peer, http):
        answer = await http.get("/health")
        assert (answer.status, await answer.json()) == (
            200,
            {"status": "ok", "server": "SERVING", "models": {"mouth": "SERVING"}},
        )
        peer.models[1].state = 4
        answer = await http.get("/health")
        assert (answer.status, (await answer.json())["models"]["absent"]) == (503, "SERVICE_UNKNOWN")


async def test_server_that_is_down_is_503_everywhere_but_live():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    async with front(address) as http:
        for path in ("/", "/v1/", "/live"):
            assert (await http.get(path)).status == 200
        for path in ("/health", "/ready"):
            answer = await http.get(path)
            assert (answer.status, (await answer.json())["server"]) == (503, "UNREACHABLE")
        answer = await http.post("/v1/audio/speech", json={"input": "a"})
        error = (await answer.json())["error"]
        assert (answer.status, error["type"], error["code"]) == (503, "server_error", "not_ready")
        assert answer.headers["Retry-After"] == "1"
        assert address not in error["message"]


async def test_server_that_dies_before_the_first_audio_is_503():
    reached = asyncio.Event()

    async def speak(request):
        reached.set()
        await asyncio.Event().wait()
        yield

    peer = Peer()
    peer.speak = speak
    async with contextlib.AsyncExitStack() as around:
        upstream = contextlib.AsyncExitStack()
        http = await around.enter_async_context(front(await upstream.enter_async_context(serving(peer))))
        posting = asyncio.ensure_future(http.post("/v1/audio/speech", json={"input": "a"}))
        async with asyncio.timeout(LIMIT_S):
            await reached.wait()
            await upstream.aclose()
            assert (await posting).status == 503


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v1/audio/../../etc/passwd", 404),
        ("GET", "/v1/audio/speech", 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/health", 405),
        ("GET", "/ws/voice", 400),
    ],
)
async def test_wrong_route_or_method_has_the_shape_of_every_error(method, path, status):
    async with compat() as (_, http):
        answer = await http.request(method, path)
        assert answer.status == status
        assert list((await answer.json())["error"]) == KEYS
        assert answer.headers["x-should-retry"] == "false"
        assert answer.headers["x-request-id"]
        if status == 405:
            assert answer.headers["Allow"]


async def test_one_log_line_per_request_without_what_was_said(caplog):
    caplog.set_level(logging.INFO, logger="antiphon_compat")
    async with compat() as (_, http):
        await http.post("/v1/audio/speech", json={"input": "a secret"}, headers={"x-request-id": "r1"})
        await http.post("/v1/audio/speech", json={"input": "a secret", "speed": 9}, headers={"x-request-id": "r2"})
        await http.get("/secret")
    lines = [json.loads(record.message) for record in caplog.records if record.name == "antiphon_compat"]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/v1/audio/speech", 200),
        ("POST", "/v1/audio/speech", 400),
        ("GET", "", 404),
    ]
    assert [line["request_id"] for line in lines[:2]] == ["r1", "r2"]
    assert lines[1]["failure"] == "invalid_field"
    assert all(line["ms"] >= 0 for line in lines)
    assert "secret" not in caplog.text


@pytest.mark.parametrize("path", ["/ws/voice", "/v1/audio/speech/stream"])
async def test_socket_that_is_called_without_a_handshake_says_what_it_is(path):
    async with compat() as (_, http):
        answer = await http.get(path)
        error = (await answer.json())["error"]
        assert (answer.status, error["type"]) == (400, "invalid_request_error")
        assert "ws://" in error["message"]


async def test_client_whose_base_url_lacks_v1_is_told():
    async with compat() as (_, http):
        answer = await http.post("/audio/speech", json={"input": "a"})
        error = (await answer.json())["error"]
        assert (answer.status, error["code"]) == (404, "not_found")
        assert "ends in /v1" in error["message"]
