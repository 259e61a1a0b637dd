"""Coroutines on one side, the thread that steps on the other."""

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import aclosing

import pytest

from antiphon_server.engine.sequence import MAX_UNDELIVERED_SAMPLES, Finish, Sequence
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.errors import EngineFailed
from antiphon_server.runtime.cuda.device import is_lost
from antiphon_server.runtime.step_thread import StepThread
from support.scripted_runner import ScriptedRunner, speech_rows
from support.stepping import ask

PATIENCE_S = 20.0


def started(runner=None):
    loop = StepLoop(runner or ScriptedRunner(num_blocks=400, script={1: speech_rows(200)}), time.monotonic)
    return loop, StepThread(loop)


async def until(is_true):
    async with asyncio.timeout(PATIENCE_S):
        while not is_true():
            await asyncio.sleep(0.005)


async def test_samples_come_in_order_and_the_ended_sequence_last():
    loop, steps = started()
    items = [item async for item in steps.generate(ask(1, max_rows=300))]
    assert b"".join(items[:-1])[:: 2 * 960] == bytes(range(200))
    assert items[-1].finish is Finish.STOP
    await until(lambda: loop.is_idle)


async def test_closing_cancels_a_sequence_that_its_reader_holds():
    loop, steps = started()
    async with aclosing(steps.generate(ask(max_rows=300))) as items:
        assert await anext(items)
        await until(lambda: loop.blocks.num_held)
    await until(lambda: loop.stats().counters["sequences_cancelled"] == 1)
    await until(lambda: loop.is_idle)


async def test_a_deadline_passes_while_the_thread_sleeps_and_nobody_calls():
    loop, steps = started()
    async with aclosing(steps.generate(ask(max_rows=900, due_at=time.monotonic() + 0.4))) as items:
        first = await anext(items)
        await until(lambda: loop.stats().counters["sequences_deadline"] == 1)
        rest = [item async for item in items]
    assert isinstance(rest[-1], Sequence)
    assert rest[-1].finish is Finish.DEADLINE
    num_samples = (len(first) + sum(map(len, rest[:-1]))) // 2
    assert MAX_UNDELIVERED_SAMPLES < num_samples <= MAX_UNDELIVERED_SAMPLES + 25 * 960


class OnceFailing(ScriptedRunner):
    has_failed = False

    def launch(self, parts):
        if not self.has_failed:
            self.has_failed = True
            raise MemoryError
        super().launch(parts)


async def test_a_failed_runner_fails_who_was_there_and_serves_who_comes_after():
    loop, steps = started(OnceFailing(num_blocks=400, script={1: speech_rows(20)}))
    with pytest.raises(EngineFailed, match="MemoryError"):
        [item async for item in steps.generate(ask(1))]
    items = [item async for item in steps.generate(ask(1))]
    assert items[-1].finish is Finish.STOP
    await until(lambda: loop.is_idle)


class Broken(ScriptedRunner):
    def launch(self, parts):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


async def test_a_lost_device_fails_who_was_there_and_ends_the_stepping():
    left = threading.Event()
    loop = StepLoop(Broken(num_blocks=400), time.monotonic)
    steps = StepThread(loop, is_lost=is_lost, leave=left.set)
    with pytest.raises(EngineFailed, match="RuntimeError"):
        [item async for item in steps.generate(ask(1))]
    await until(left.is_set)
    await until(lambda: not steps._thread.is_alive())


def test_the_process_leaves_when_its_callers_have_heard():
    code = "from antiphon_server.runtime.step_thread import leave_process; leave_process(); print('heard', flush=True)"
    left = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (left.returncode, left.stdout) == (70, "heard\n")
