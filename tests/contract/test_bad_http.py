"""Every request of the table of bad ones gets the answer that stands there, and nothing is left of any of them."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_framing import BAD_FRAMING
from bad_requests import BAD_CONTENT, Bad
from odd_requests import ODD

from support.raw_http import exchange, head, post_json, read_answer
from support.servers import Compat, Server, start_compat

BAD = BAD_CONTENT + BAD_FRAMING
LIMIT_S = 30.0
NUM_AT_ONCE = 8
NUM_PASSES = 2
MAX_GROWTH_MIB = 4.0
GOOD = post_json("/v1/audio/speech", {"input": "hello", "response_format": "pcm"})


@pytest.fixture(scope="module")
def door(scripted_server: Server) -> Iterator[Compat]:
    """The front with small limits, in a process of its own."""
    process = start_compat(scripted_server, "--max-upload-mb", "1", "--max-json-mb", "1", "--body-idle-timeout-s", "1")
    yield process
    process.stop()


def address_of(door: Compat) -> tuple[str, int]:
    host, port = door.address.rsplit(":", 1)
    return host, int(port)


async def answered_otherwise(door: Compat, cases: list[Bad]) -> list[str]:
    """Send all, some at once; a line for each answer that is not the one in the table."""
    room = asyncio.Semaphore(NUM_AT_ONCE)

    async def check(case: Bad) -> str:
        async with room, asyncio.timeout(LIMIT_S):
            answer = await exchange(*address_of(door), case.request)
        if answer.status < 400:
            return f"{case.name}: {answer.status}"
        error = answer.error
        got = (answer.status, error["type"], error["param"], error["code"])
        is_whole = list(error) == ["message", "type", "param", "code"] and bool(answer.headers["x-request-id"])
        is_right = is_whole and got == (case.status, case.kind, case.param, case.code)
        return "" if is_right else f"{case.name}: {got} {error['message']}"

    return [line for line in await asyncio.gather(*map(check, cases)) if line]


def test_the_table_is_long_and_names_each_case_once():
    assert len(BAD) >= 150
    assert len({case.name for case in BAD}) == len(BAD)


async def test_every_bad_request_is_refused_as_the_table_says(door):
    assert await answered_otherwise(door, BAD) == []


@pytest.mark.parametrize("name", ODD)
async def test_strange_request_that_is_good_is_answered(door, name):
    async with asyncio.timeout(LIMIT_S):
        answer = await exchange(*address_of(door), ODD[name])
    assert answer.status == 200, answer.body


async def test_what_follows_an_unclear_end_is_never_taken_for_a_request(door):
    smuggled = head("GET /live HTTP/1.1")
    for case in BAD:
        if case.name.startswith(("length:", "chunks:")):
            async with asyncio.timeout(LIMIT_S):
                reader, writer = await asyncio.open_connection(*address_of(door))
                writer.write(case.request + smuggled)
                statuses = []
                while answer := (await read_answer(reader)).status:
                    statuses.append(answer)
                writer.transport.abort()
            assert statuses[0] == case.status, case.name
            assert 200 not in statuses, case.name


async def test_pipelined_requests_are_answered_in_their_order(door):
    async with asyncio.timeout(LIMIT_S):
        reader, writer = await asyncio.open_connection(*address_of(door))
        writer.write(GOOD + post_json("/v1/audio/speech", {}) + head("GET /live HTTP/1.1") + GOOD)
        assert [(await read_answer(reader)).status for _ in range(4)] == [200, 400, 200, 200]
        writer.transport.abort()


async def test_the_logs_hold_nothing_of_what_was_sent(door):
    async with asyncio.timeout(LIMIT_S):
        for request in (
            post_json("/v1/audio/speech", {"input": "Rumpelstiltskin", "speed": 9}),
            post_json("/v1/audio/speech", '{"input": "Rumpelstiltskin" oops'),
            b"Rumpelstiltskin\r\n\r\n",
            head("GET /Rumpelstiltskin HTTP/1.1", "Rumpelstiltskin"),
        ):
            answer = await exchange(*address_of(door), request)
            assert answer.status == 400
            assert b"Rumpelstiltskin" not in answer.body
    assert all("Rumpelstiltskin" not in line for line in door.log_lines)
    assert not [line for line in door.log_lines if json.loads(line).get("event") == "defect"]


async def test_memory_and_descriptors_are_as_before_after_all_of_it(door, scripted_server):
    async def passes(number: int) -> tuple[list[float], list[int]]:
        for _ in range(number):
            assert await answered_otherwise(door, BAD) == []
        await asyncio.sleep(1)  # sockets of the last answers close
        pids = (door.pid, scripted_server.pid)
        return [resident_mib(pid) for pid in pids], [num_descriptors(pid) for pid in pids]

    memory_before, descriptors_before = await passes(NUM_PASSES)
    memory, descriptors = await passes(NUM_PASSES)
    print(memory_before, memory, descriptors_before, descriptors)
    assert all(now <= then for now, then in zip(descriptors, descriptors_before, strict=True))
    assert all(now - then < MAX_GROWTH_MIB for now, then in zip(memory, memory_before, strict=True))
    async with asyncio.timeout(LIMIT_S):
        answer = await exchange(*address_of(door), GOOD)
    assert (answer.status, len(answer.body)) == (200, 5 * 40 * 48)


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def num_descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
