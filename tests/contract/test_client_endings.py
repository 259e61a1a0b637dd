"""The status a call is told to have ended with, where grpc puts its own in the server's place."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from client_stubs.scripted_server import rich_status, scripted_server, started
from grpc import StatusCode
from grpc_status import rpc_status

from antiphon_client import AntiphonClient, BadRequest, NotFound, ServerFailed, ending
from antiphon_client.synthesis import SynthesisStream

UNKNOWN_MODEL = rpc_status.to_status(rich_status(StatusCode.NOT_FOUND, "UNKNOWN_MODEL"))
LATE_S = 0.05


@contextlib.asynccontextmanager
async def call_whose_write_failed(*, is_ok: bool = False, late_s: float = LATE_S) -> AsyncIterator[SynthesisStream]:
    """A call that has ended for grpc.aio, because a write failed; the server's own end is still under way."""
    may_end = asyncio.Event()

    async def ends_late(requests, context):
        yield started()
        await may_end.wait()
        if not is_ok:
            await context.abort_with_status(UNKNOWN_MODEL)

    async with (
        scripted_server(ends_late) as server,
        AntiphonClient(server.target) as client,
        client.synthesize() as stream,
    ):
        stream._call._cython_call.set_internal_error("Failed execute_batch")  # as grpc.aio itself then does
        asyncio.get_running_loop().call_later(late_s, may_end.set)
        yield stream
        may_end.set()


async def test_reader_is_told_what_the_server_said():
    async with call_whose_write_failed() as stream:
        with pytest.raises(NotFound, match="told so"):
            await anext(stream)


async def test_writer_is_told_what_the_server_said():
    async with call_whose_write_failed() as stream:
        with pytest.raises(NotFound, match="told so"):
            await stream.send_text("Hello.")


async def test_good_end_is_no_failure_for_the_reader():
    async with call_whose_write_failed(is_ok=True) as stream:
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_good_end_leaves_nothing_to_write_to():
    async with call_whose_write_failed(is_ok=True) as stream:
        with pytest.raises(BadRequest, match="has ended the call"):
            await stream.send_text("Hello.")


async def test_server_that_never_says_more_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(ending, "_PATIENCE_S", 0.05)
    async with call_whose_write_failed(late_s=10) as stream:
        with pytest.raises(ServerFailed):
            await anext(stream)
