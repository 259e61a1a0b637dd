"""The service config: it covers every method of the contract, and grpc accepts it."""

import json
from pathlib import Path

import grpc
import pytest

import antiphon_client
from support.contract import METHODS, SERVICES

PUBLISHED = Path(__file__).resolve().parents[2] / "proto" / "service_config.json"
CONFIG = json.loads(PUBLISHED.read_text())
BY_METHOD = {f"{name['service']}/{name['method']}": entry for entry in CONFIG["methodConfig"] for name in entry["name"]}


def test_every_service_of_the_contract_is_here():
    protos = (PUBLISHED.parent / "antiphon" / "speech" / "v1").glob("*_service.proto")
    assert len(SERVICES) == len(list(protos))


def test_every_method_stands_in_the_config_exactly_once():
    named = [name["method"] for entry in CONFIG["methodConfig"] for name in entry["name"]]
    assert len(named) == len(BY_METHOD)
    assert set(BY_METHOD) == set(METHODS)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_calls_that_speak_or_change_something_are_never_repeated_by_grpc(name):
    method, entry = METHODS[name], BY_METHOD[name]
    is_read = name.rsplit("/", 1)[1].startswith(("Get", "List", "Explain"))
    assert ("retryPolicy" in entry) is is_read
    assert ("timeout" in entry) or method.server_streaming
    if is_read:
        assert entry["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]


def test_the_client_carries_the_published_config():
    assert antiphon_client.service_config() == PUBLISHED.read_text()


async def test_grpc_takes_the_config():
    code, details = await call_with(PUBLISHED.read_text())
    assert code is grpc.StatusCode.UNIMPLEMENTED, details


async def test_grpc_would_refuse_a_broken_config():
    broken = json.loads(PUBLISHED.read_text())
    broken["methodConfig"][0]["retryPolicy"]["maxAttempts"] = 1
    code, details = await call_with(json.dumps(broken))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "maxAttempts" in (details or "")


async def call_with(config: str) -> tuple[grpc.StatusCode, str | None]:
    """How a call ends on a server that has no methods at all."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])  # or port 0 may be that of another test
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.service_config", config)]) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await channel.unary_unary("/none/None")(b"", timeout=10)
    await server.stop(None)
    return raised.value.code(), raised.value.details()
