"""Engine processes that die, hang, cannot start or are stopped."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import uvloop

from antiphon_server.engine.protocol import SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.engine.spec import EngineSpec, PartSpec
from antiphon_server.errors import (
    Draining,
    EngineFailed,
    EngineRestarting,
    InvalidField,
    ModelNotInstalled,
    NotReady,
)
from antiphon_server.worker.condition import EngineState, Supervision
from support.processes import START_LIMIT_S, TESTS_PATH, Watched, engine_process, gone, kill, scripted_spec

JOB = SpeechJob(text="hello", voice="tone", sequence="s")

PARENT = """
import asyncio, sys
from support.processes import Watched, scripted_spec

async def main():
    process = Watched(scripted_spec(synthesizer={})).process
    await process.start()
    await process.wait_ready(20)
    print(process.pid, flush=True)
    await asyncio.get_running_loop().create_future()

asyncio.run(main())
"""


async def all_of(stream: AsyncIterator[SpeechChunk | SpeechEnd]) -> list[SpeechChunk | SpeechEnd]:
    return [item async for item in stream]


async def test_kill_fails_exactly_the_held_calls_and_it_comes_back():
    watched = Watched(scripted_spec(synthesizer={"wait_at_chunk": 3}))
    async with engine_process(synthesizer={"wait_at_chunk": 3}) as other:
        process = watched.process
        await process.start()
        await process.wait_ready(START_LIMIT_S)
        first_pid = process.pid
        held = [process.synthesizer.speak(JOB) for _ in range(2)]
        spared = other.synthesizer.speak(JOB)
        finished = [item async for item in process.synthesizer.speak(SpeechJob("ab", "tone", "s"))]
        for stream in (*held, spared):
            await anext(stream)
        kill(process)
        for stream in held:
            with pytest.raises(EngineRestarting) as failed:
                await all_of(stream)
            assert failed.value.retry_after_s is not None
            assert failed.value.retry_after_s > 0
        assert isinstance(finished[-1], SpeechEnd)
        assert (process.num_calls, other.num_calls) == (0, 1)
        with pytest.raises(EngineRestarting):
            await anext(process.synthesizer.speak(JOB))
        await process.wait_ready(START_LIMIT_S)
        assert process.pid != first_pid
        async with aclosing(process.synthesizer.speak(JOB)) as again:
            assert isinstance(await anext(again), SpeechChunk)
        await spared.aclose()
        await process.stop(0.0)
    assert watched.states == [EngineState.READY, EngineState.RESTARTING, EngineState.READY, EngineState.STOPPED]


async def test_voice_stream_of_a_dead_child_says_so():
    async with engine_process(voice_activity={}) as process:
        stream = await process.voice_activity.open()
        kill(process)
        with pytest.raises(EngineRestarting):
            await stream.score(bytes(1024))
        await process.wait_ready(START_LIMIT_S)
        with pytest.raises(EngineRestarting):
            await stream.score(bytes(1024))
        await stream.close()
        assert await (await process.voice_activity.open()).score(bytes(1024)) == [0.0]


async def test_crash_in_the_middle_of_a_call_is_a_restart():
    async with engine_process(synthesizer={"crash_at_chunk": 2}) as process:
        with pytest.raises(EngineRestarting):
            await all_of(process.synthesizer.speak(JOB))
        await process.wait_ready(START_LIMIT_S)


async def test_hung_child_is_killed_and_replaced():
    async with engine_process(Supervision(hang_limit_s=0.6), synthesizer={"hang_at_chunk": 2}) as process:
        with pytest.raises(EngineRestarting):
            await all_of(process.synthesizer.speak(JOB))
        await process.wait_ready(START_LIMIT_S)


async def test_crashes_while_starting_back_off_until_it_starts(tmp_path: Path):
    count = tmp_path / "crashes"
    watched = Watched(scripted_spec(synthesizer={"crash_count_path": str(count), "num_crashes": 2}))
    await watched.process.start()
    await watched.until(EngineState.RESTARTING)
    assert isinstance(watched.process.error, EngineFailed)
    await watched.process.wait_ready(START_LIMIT_S)
    assert watched.states == [EngineState.RESTARTING, EngineState.RESTARTING, EngineState.READY]
    assert count.stat().st_size == 2
    assert watched.process.error is None
    await watched.process.stop(0.0)


@pytest.mark.parametrize(
    "part",
    [
        PartSpec("support.scripted:create_synthesizer", {"start_fail_reason": "MODEL_NOT_INSTALLED"}),
        PartSpec("support.no_such_module:create"),
        PartSpec("support.scripted:no_such_function"),
    ],
    ids=["said by the factory", "no module", "no function"],
)
async def test_what_only_the_operator_can_mend_is_not_retried(part: PartSpec):
    watched = Watched(EngineSpec("broken", {"synthesizer": part}, python_path=(TESTS_PATH,)))
    await watched.process.start()
    with pytest.raises(ModelNotInstalled):
        await watched.process.wait_ready(START_LIMIT_S)
    assert watched.states == [EngineState.FAILED]
    assert isinstance(watched.process.error, ModelNotInstalled)
    with pytest.raises(ModelNotInstalled):
        await anext(watched.process.synthesizer.speak(JOB))
    await watched.process.stop(0.0)


async def test_a_wrong_setting_is_named_to_the_operator_and_is_no_fault_of_a_caller():
    watched = Watched(scripted_spec(synthesizer={"start_fail_reason": "INVALID_FIELD"}))
    await watched.process.start()
    with pytest.raises(InvalidField, match="scripted failure"):
        await watched.process.wait_ready(START_LIMIT_S)
    with pytest.raises(ModelNotInstalled, match="before the operator changes its settings") as told:
        await anext(watched.process.synthesizer.speak(JOB))
    assert told.value.field == ""
    await watched.process.stop(0.0)


async def test_start_over_its_limit_is_a_failed_start():
    spec = scripted_spec(synthesizer={"start_delay_s": 3600})
    watched = Watched(spec, Supervision(startup_limit_s=0.05, first_backoff_s=20))
    await watched.process.start()
    await watched.until(EngineState.RESTARTING)
    assert watched.process.error is not None
    assert "not ready after 0.05 s" in watched.process.error.message
    await watched.process.stop(0.0)


async def test_calls_while_starting_are_told_when_to_come_back():
    watched = Watched(scripted_spec(synthesizer={"start_delay_s": 3600}))
    await watched.process.start()
    with pytest.raises(NotReady) as refused:
        await anext(watched.process.synthesizer.speak(JOB))
    assert refused.value.retry_after_s is not None
    assert 0 < refused.value.retry_after_s <= 5
    with pytest.raises(NotReady, match="not ready after"):
        await watched.process.wait_ready(0.01)
    await watched.process.stop(0.0)
    with pytest.raises(Draining):
        await watched.process.wait_ready(1.0)


async def test_stop_lets_calls_in_flight_finish_and_refuses_new_ones():
    async with engine_process(synthesizer={"delay_ms": 5}) as process:
        stream = process.synthesizer.speak(JOB)
        await anext(stream)
        stopping = asyncio.create_task(process.stop(10.0))
        rest = [item async for item in stream]
        assert isinstance(rest[-1], SpeechEnd)
        await stopping
        with pytest.raises(Draining):
            await anext(process.synthesizer.speak(JOB))
        assert (process.state, process.pid) == (EngineState.STOPPED, None)


async def test_stop_after_its_grace_ends_what_is_left():
    async with engine_process(synthesizer={"wait_at_chunk": 1}) as process:
        stream = process.synthesizer.speak(JOB)
        await anext(stream)
        await process.stop(0.01)
        with pytest.raises(Draining):
            await anext(stream)


async def test_child_ignores_the_interrupt_of_a_terminal():
    async with engine_process(synthesizer={}) as process:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGINT)
        assert isinstance((await all_of(process.synthesizer.speak(JOB)))[-1], SpeechEnd)


async def test_child_dies_with_a_killed_parent():
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, cwd=TESTS_PATH, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = os.pidfd_open(int(await parent.stdout.readline()))
    parent.kill()
    async with asyncio.timeout(10):
        await gone(child)
    await parent.communicate()


def test_it_works_on_uvloop():
    async def speak_die_and_speak() -> None:
        async with engine_process(synthesizer={}) as process:
            assert isinstance((await all_of(process.synthesizer.speak(JOB)))[-1], SpeechEnd)
            held = process.synthesizer.speak(SpeechJob("a" * 100, "tone", "s"))
            await anext(held)
            kill(process)
            with pytest.raises(EngineRestarting):
                await all_of(held)
            await process.wait_ready(START_LIMIT_S)
            assert isinstance((await all_of(process.synthesizer.speak(JOB)))[-1], SpeechEnd)

    uvloop.run(speak_die_and_speak())
