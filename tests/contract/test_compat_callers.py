"""What the speech server learns of who asks: a name that is the same for one address, and nothing else."""

import io

import aiohttp
import pytest
from compat_peer import Peer, compat, front, serving

from antiphon_compat.callers import Callers
from antiphon_compat.config import ConfigError, load

SPEECH = "/v1/audio/speech"


async def caller_of(peer: Peer, http, *, from_address: str = "127.0.0.1", headers=None) -> str:
    """Speak from an address of this machine; the name that came with the call."""
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(from_address, 0)))
    async with session, session.post(http.make_url(SPEECH), json={"input": "a"}, headers=headers) as answer:
        assert answer.status == 200
    return peer.metadata[-1]["x-antiphon-caller"]


async def test_every_speech_and_transcription_call_names_its_caller():
    async with compat() as (peer, http):
        await http.post(SPEECH, json={"input": "a"})
        await http.post(f"{SPEECH}/batch", json={"items": [{"input": "a"}, {"input": "b"}]})
        await http.post("/v1/audio/transcriptions", data={"file": io.BytesIO(b"RIFF")})
        async with http.ws_connect(f"{SPEECH}/stream") as ws:
            await ws.send_json({"type": "session.config"})
            await ws.receive()
        async with http.ws_connect("/ws/voice") as ws:
            await ws.send_json({"type": "text", "text": "hi"})
            await ws.receive()
        names = [metadata["x-antiphon-caller"] for metadata in peer.metadata]
        assert (len(names), len(set(names))) == (6, 1)
        assert len(names[0]) == 16


async def test_another_address_has_another_name_and_the_same_one_keeps_it():
    async with compat() as (peer, http):
        first = await caller_of(peer, http)
        assert await caller_of(peer, http, from_address="127.0.0.2") != first
        assert await caller_of(peer, http) == first


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "x-antiphon-caller"])
async def test_nobody_takes_another_name_by_a_header(header):
    async with compat() as (peer, http):
        name = await caller_of(peer, http)
        assert await caller_of(peer, http, headers={header: "10.1.2.3"}) == name


async def test_names_of_two_processes_have_nothing_in_common():
    peer = Peer()
    async with serving(peer) as address, front(address) as one, front(address) as other:
        assert await caller_of(peer, one) != await caller_of(peer, other)


@pytest.mark.parametrize(
    ("trusted", "forwarded", "is_someone_else"),
    [
        (["127.0.0.0/8"], "10.1.2.3", True),
        (["127.0.0.1", "10.0.0.0/8"], "203.0.113.9, 10.1.2.3", True),
        (["127.0.0.1", "10.0.0.0/8"], "6.6.6.6, 203.0.113.9, 10.1.2.3", True),
        (["127.0.0.1"], "203.0.113.9, nonsense", False),
        (["127.0.0.1"], "", False),
        (["10.0.0.0/8"], "203.0.113.9", False),
    ],
)
async def test_a_proxy_that_is_trusted_says_for_whom_it_asks(trusted, forwarded, is_someone_else):
    async with compat(trusted_proxies=tuple(trusted)) as (peer, http):
        name = await caller_of(peer, http)
        other = await caller_of(peer, http, headers={"X-Forwarded-For": forwarded})
        assert (other != name) == is_someone_else
        if is_someone_else:  # what stands before the first stranger was written by that one
            assert await caller_of(peer, http, headers={"X-Forwarded-For": f"1.2.3.4, {forwarded}"}) == other


@pytest.mark.parametrize("proxy", ["nginx", "10.0.0.1/8", "10.0.0.0/33", "999.1.1.1"])
def test_a_proxy_that_is_no_address_stops_the_start(proxy):
    with pytest.raises(ConfigError, match="trusted_proxies"):
        load(["--trusted-proxy", proxy])
    assert load(["--trusted-proxy", "10.0.0.0/8"]).config.trusted_proxies == ("10.0.0.0/8",)


class Asking:
    """What is read of a request."""

    def __init__(self, remote: str | None) -> None:
        self.remote = remote


def test_a_customer_of_ipv6_is_one_caller_and_mapped_addresses_are_those_of_ipv4():
    name = Callers().name_of
    assert name(Asking("2001:db8:1:2::3")) == name(Asking("2001:db8:1:2:ffff::4")) != name(Asking("2001:db8:1:3::3"))
    assert name(Asking("::ffff:10.1.2.3")) == name(Asking("10.1.2.3"))
    assert name(Asking("fe80::1%eth0")) == name(Asking("fe80::1"))


@pytest.mark.parametrize("remote", [None, "", "@socket", "/run/antiphon.sock"])
def test_a_local_socket_has_no_name(remote):
    assert Callers().name_of(Asking(remote)) == ""
