"""Equal work is done once, whoever gives up in between, and what failed is tried again."""

import asyncio

import pytest

from antiphon_server.errors import EngineFailed, Overloaded
from antiphon_server.runtime.single_flight import SingleFlight


class Work:
    """Computations that end when they are let."""

    def __init__(self, result=b"codes"):
        self.result, self.num_begun, self.num_cancelled = result, 0, 0
        self.may_end = asyncio.Event()

    async def compute(self):
        self.num_begun += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.num_cancelled += 1
            raise
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def flights(**limits):
    return SingleFlight(**{"max_bytes": 1000, "max_flights": 4, **limits})


async def begun(*gets):
    tasks = [asyncio.create_task(get) for get in gets]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def done_now(result):
    return result


async def test_two_that_ask_at_once_and_one_that_asks_later_share_one_computation():
    work, shared = Work(), flights()
    tasks = await begun(shared.get(b"a", work.compute), shared.get(b"a", work.compute))
    work.may_end.set()
    assert await asyncio.gather(*tasks) == [b"codes", b"codes"]
    assert await shared.get(b"a", work.compute) == b"codes"
    assert work.num_begun == 1


async def test_one_that_gives_up_takes_nothing_from_the_other():
    work, shared = Work(), flights()
    first, second = await begun(shared.get(b"a", work.compute), shared.get(b"a", work.compute))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.may_end.set()
    assert await second == b"codes"
    assert (work.num_begun, work.num_cancelled) == (1, 0)


async def test_what_nobody_waits_for_is_cancelled_and_begun_anew_when_asked_again():
    work, shared = Work(), flights()
    tasks = await begun(shared.get(b"a", work.compute), shared.get(b"a", work.compute))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    (again,) = await begun(shared.get(b"a", work.compute))
    assert (work.num_begun, work.num_cancelled) == (2, 1)
    work.may_end.set()
    assert await again == b"codes"


async def test_a_failure_reaches_all_who_wait_and_is_not_kept():
    failing, shared = Work(EngineFailed("broken")), flights()
    tasks = await begun(shared.get(b"a", failing.compute), shared.get(b"a", failing.compute))
    failing.may_end.set()
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [EngineFailed] * 2
    assert await shared.get(b"a", lambda: done_now(b"better")) == b"better"


async def test_the_result_used_least_recently_is_dropped_first():
    shared, work = flights(max_bytes=22), Work(b"again-----")
    work.may_end.set()
    for key in (b"a", b"b", b"a", b"c"):
        await shared.get(key, lambda: done_now(b"0123456789"))
    assert shared.num_bytes == 22
    assert await shared.get(b"a", work.compute) == b"0123456789"
    assert await shared.get(b"b", work.compute) == b"again-----"


async def test_a_result_larger_than_all_room_is_given_and_not_kept():
    shared = flights(max_bytes=5)
    assert await shared.get(b"a", lambda: done_now(b"0123456789")) == b"0123456789"
    assert shared.num_bytes == 0


async def test_too_many_at_once_are_refused_and_equal_ones_are_not_too_many():
    work, shared = Work(), flights(max_flights=1)
    tasks = await begun(shared.get(b"a", work.compute), shared.get(b"a", work.compute))
    with pytest.raises(Overloaded, match="1 clips"):
        await shared.get(b"b", work.compute)
    work.may_end.set()
    await asyncio.gather(*tasks)
    assert await shared.get(b"b", work.compute) == b"codes"
