"""The file of an upload: none stays open, whoever leaves and whenever."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from antiphon_compat.openai.spool import open_spool


@pytest.fixture
def opened(monkeypatch) -> Iterator[list]:
    files, real = [], tempfile.TemporaryFile

    def open_and_list():
        files.append(real())
        return files[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", open_and_list)
    yield files
    assert [file.closed for file in files] == [True]


async def hold(is_open: asyncio.Event) -> None:
    async with open_spool():
        is_open.set()
        await asyncio.Event().wait()


def keep_its_only_thread_busy(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_default_executor(ThreadPoolExecutor(1))
    loop.run_in_executor(None, time.sleep, 0.1)


async def cancel_often(holding: asyncio.Task) -> None:
    """As a front does whose caller leaves while it ends."""
    for _ in range(3):
        await asyncio.sleep(0.01)
        holding.cancel()


def test_spool_is_closed_at_the_end_of_its_context(opened):
    async def use() -> None:
        async with open_spool() as file:
            assert not file.closed

    asyncio.run(use())


def test_caller_who_leaves_while_the_spool_is_opened_leaves_no_file_open(opened):
    async def leave() -> None:
        keep_its_only_thread_busy(asyncio.get_running_loop())
        await cancel_often(asyncio.create_task(hold(asyncio.Event())))

    asyncio.run(leave())


def test_caller_who_leaves_while_all_threads_are_busy_leaves_no_file_open(opened):
    async def leave() -> None:
        is_open = asyncio.Event()
        holding = asyncio.create_task(hold(is_open))
        await is_open.wait()
        keep_its_only_thread_busy(asyncio.get_running_loop())
        await cancel_often(holding)

    asyncio.run(leave())
