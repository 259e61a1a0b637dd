"""Web pages: whose may use the process, what their scripts may read, and which host names it answers to."""

import json

import aiohttp
import pytest
from compat_peer import compat

from antiphon_compat.config import ConfigError, load
from antiphon_compat.openapi.document import document
from antiphon_compat.origins import EXPOSED_HEADERS

PAGE = "https://app.example"
FOREIGN = ["https://evil.example", "http://127.0.0.1:1", "http://localhost", "null", "", "chrome-extension://abc"]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_page_of_another_origin_is_refused_before_anything_is_done(origin):
    async with compat(cors_origins=(PAGE,)) as (peer, http):
        for method, path in (("POST", "/v1/audio/speech"), ("GET", "/v1/models"), ("OPTIONS", "/v1/audio/speech")):
            answer = await http.request(method, path, data=b'{"input": "a"}', headers={"Origin": origin})
            assert answer.status == 403
            assert (await answer.json())["error"]["param"] == "Origin"
            assert "Access-Control-Allow-Origin" not in answer.headers
        assert peer.num_calls == 0


@pytest.mark.parametrize("origin", FOREIGN)
async def test_socket_of_a_foreign_page_is_never_opened(origin):
    async with compat() as (peer, http):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect("/ws/voice", headers={"Origin": origin})
        assert refused.value.status == 403
        assert peer.num_calls == 0


async def test_sockets_of_allowed_pages_and_of_programs_are_opened():
    async with compat(cors_origins=(PAGE,)) as (_, http):
        own = str(http.make_url("/").origin())
        for headers in ({}, {"Origin": PAGE}, {"Origin": own}):
            async with http.ws_connect("/ws/voice", headers=headers) as ws:
                await ws.send_json({"type": "text", "text": "hi"})
                assert json.loads(await ws.receive_str())["type"] == "delivery"


@pytest.mark.parametrize(
    ("allowed", "seen"),
    [((PAGE,), PAGE), (("http://localhost:3000", PAGE), PAGE), (("*",), "*")],
)
async def test_allowed_page_asks_first_and_then_reads_the_answer(allowed, seen):
    wanted = "authorization,content-type,x-stainless-lang"
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted}
    async with compat(cors_origins=allowed) as (_, http):
        asked = await http.options("/v1/audio/speech", headers={"Origin": PAGE, **preflight})
        assert asked.status == 204
        assert "POST" in asked.headers["Access-Control-Allow-Methods"].split(", ")
        assert asked.headers["Access-Control-Allow-Headers"] == wanted
        assert int(asked.headers["Access-Control-Max-Age"]) > 0
        body = {"input": "a", "stream": True, "response_format": "pcm"}
        for fields, status in ((body, 200), ({}, 400)):
            answer = await http.post("/v1/audio/speech", json=fields, headers={"Origin": PAGE})
            assert answer.status == status
            assert answer.headers["Access-Control-Allow-Origin"] == seen
            assert answer.headers["Access-Control-Expose-Headers"] == ", ".join(EXPOSED_HEADERS)
            assert "Origin" in answer.headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_header_names_of_a_preflight_cannot_carry_anything_else():
    async with compat(cors_origins=(PAGE,)) as (_, http):
        headers = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "a;<b>"}
        answer = await http.options("/v1/audio/speech", headers=headers)
        assert (answer.status, "Access-Control-Allow-Headers" in answer.headers) == (204, False)


async def test_options_without_a_page_names_the_methods():
    async with compat() as (_, http):
        answer = await http.options("/v1/models")
        assert (answer.status, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        assert (await http.options("/nothing")).status == 404


def test_scripts_may_read_every_header_of_ours():
    assert set(EXPOSED_HEADERS) == set(document()["components"]["headers"]) - {"Allow"}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("speech.example", 200),
        ("SPEECH.example:80", 200),
        ("localhost:8000", 200),
        ("antiphon:8000", 200),
        ("host.docker.internal:8000", 200),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("127.0.0.1", 200),
    ],
)
async def test_rebound_name_is_refused(host, status):
    async with compat(allowed_hosts=("speech.example",)) as (_, http):
        answer = await http.get("/v1/models", headers={"Host": host})
        assert answer.status == status
        if status == 403:
            assert (await answer.json())["error"]["param"] == "Host"


async def test_any_name_is_answered_to_beyond_loopback_or_where_allowed():
    for settings in ({"listen": "0.0.0.0:8000"}, {"allowed_hosts": ("*",)}):
        async with compat(**settings) as (_, http):
            assert (await http.get("/live", headers={"Host": "speech.example"})).status == 200


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cors-origin", "https://app.example/path"],
        ["--cors-origin", "app.example"],
        ["--cors-origin", "https://user@app.example"],
        ["--allowed-host", "speech.example:8000"],
        ["--allowed-host", "https://speech.example"],
    ],
)
def test_setting_that_would_never_match_stops_the_start(arguments):
    with pytest.raises(ConfigError, match=f"{arguments[0][2:].replace('-', '_')}s: each must be"):
        load(arguments)


def test_origins_and_names_come_from_flags_or_the_environment(monkeypatch):
    monkeypatch.setenv("ANTIPHON_COMPAT_ALLOWED_HOSTS", "a.example, B.example")
    config = load(["--cors-origin", "http://localhost:3000", "--cors-origin", "null"]).config
    assert config.cors_origins == ("http://localhost:3000", "null")
    assert config.allowed_hosts == ("a.example", "b.example")
