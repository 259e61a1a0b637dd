"""Which calls are made again: retryable ones, before their first response, three times, after the asked wait."""

import time

import pytest
from client_stubs.scripted_server import audio, echo, failing, rich_status, scripted_server, started
from grpc import StatusCode
from grpc_status import rpc_status

from antiphon_client import AntiphonClient, AntiphonError, CallOptions, Overloaded, RetryPolicy, Unavailable

QUICK = RetryPolicy(initial_wait_s=0.001)
NO_TIMEOUT = CallOptions()


def busy(retry_after_s: float | None = 0.001):
    return failing(rich_status(StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after_s=retry_after_s))


async def spoken(server, retry: RetryPolicy = QUICK, call: CallOptions = NO_TIMEOUT) -> bytes:
    async with AntiphonClient(server.target, retry=retry) as client, client.speak("hi", call=call) as speech:
        return await speech.read()


async def test_a_refused_call_is_made_again_and_loses_no_text():
    async with scripted_server(busy(), busy(None), echo) as server:
        assert await spoken(server) == b"hihi"
        assert server.num_calls == 3


async def test_three_retries_are_the_most():
    async with scripted_server(*[busy()] * 5) as server:
        with pytest.raises(Overloaded):
            await spoken(server)
        assert server.num_calls == 4


async def test_the_servers_delay_is_waited_for():
    async with scripted_server(busy(0.2), echo) as server:
        began = time.monotonic()
        await spoken(server)
        assert time.monotonic() - began >= 0.2


async def test_a_delay_over_the_policy_or_the_timeout_is_not_waited_for():
    async with scripted_server(busy(0.5), busy(0.5)) as server:
        with pytest.raises(Overloaded):
            await spoken(server, RetryPolicy(max_retry_after_s=0.1))
        with pytest.raises(Overloaded):
            await spoken(server, QUICK, CallOptions(timeout_s=0.3))
        assert server.num_calls == 2


async def test_what_cannot_succeed_is_not_tried_again():
    refused = failing(rich_status(StatusCode.INVALID_ARGUMENT, "UNKNOWN_VOICE", field="config.voice"))
    async with scripted_server(refused, echo) as server:
        with pytest.raises(AntiphonError) as raised:
            await spoken(server)
        assert server.num_calls == 1
    assert raised.value.field == "config.voice"


async def test_a_call_that_has_begun_is_never_spoken_twice():
    async def breaks(requests, context):
        yield started()
        yield audio(b"abcd")
        status = rich_status(StatusCode.UNAVAILABLE, "ENGINE_RESTARTING", retry_after_s=0.001)
        await context.abort_with_status(rpc_status.to_status(status))

    async with scripted_server(breaks, echo) as server:
        with pytest.raises(Unavailable):
            await spoken(server)
        assert server.num_calls == 1


def test_waits_grow_and_stay_under_their_limit():
    policy = RetryPolicy(max_retries=50, initial_wait_s=1, max_wait_s=4)
    error = Overloaded("full", reason="OVERLOADED")
    waits = [policy.wait_s(error, num_retries) for num_retries in range(50)]
    assert all(wait is not None and 0.8 <= wait <= 4.8 for wait in waits)
    assert policy.wait_s(error, 50) is None
