"""Figures of engine processes: read while they answer, the last reading kept while they do not."""

import asyncio
from contextlib import asynccontextmanager

from antiphon_server.engine.protocol import SpeechJob
from antiphon_server.engine.spec import EngineSpec, PartSpec
from antiphon_server.worker.condition import EngineState
from antiphon_server.worker.observing import observe
from support.processes import START_LIMIT_S, TESTS_PATH, Watched, kill, scripted_spec

COUNTING = EngineSpec(
    "counting", {"synthesizer": PartSpec("support.scripted_figures:create")}, python_path=(TESTS_PATH,)
)


class Notes:
    """What was read, in order."""

    def __init__(self):
        self.readings, self._came = [], asyncio.Event()

    def note(self, engine, stats):
        self.readings.append((engine, stats))
        self._came.set()

    async def until(self, is_met):
        async with asyncio.timeout(START_LIMIT_S):
            while not (self.readings and is_met(self.readings[-1][1])):
                self._came.clear()
                await self._came.wait()
        return self.readings[-1][1]


@asynccontextmanager
async def observed(*specs):
    watched = [Watched(spec) for spec in specs]
    notes, processes = Notes(), [each.process for each in watched]
    for process in processes:
        await process.start()
    observing = asyncio.create_task(observe(processes, notes.note, every_s=0.02))
    try:
        for process in processes:
            await process.wait_ready(START_LIMIT_S)
        yield notes, watched
        assert not observing.done()
    finally:
        observing.cancel()
        await asyncio.gather(*(process.stop(0.0) for process in processes))


async def speak(process, text):
    async for _ in process.synthesizer.speak(SpeechJob(text=text, voice="tone", sequence="s1")):
        pass


async def test_what_an_engine_counts_is_read_again_and_again():
    async with observed(COUNTING) as (notes, (watched,)):
        before = await notes.until(lambda stats: stats.counters["readings"] > 1)
        assert before.counters["jobs"] == 0
        await speak(watched.process, "Hello.")
        after = await notes.until(lambda stats: stats.counters["jobs"] == 1)
    assert after.distributions["text_characters"].counts == (0, 1, 0)
    assert after.distributions["text_characters"].total == 6
    assert after.gauges == {"blocks_free": 7, "waiting": 0}


async def test_an_engine_that_comes_back_is_read_again_and_counts_anew():
    async with observed(COUNTING) as (notes, (watched,)):
        await speak(watched.process, "Hello.")
        await notes.until(lambda stats: stats.counters["jobs"] == 1)
        kill(watched.process)
        await watched.until(EngineState.RESTARTING)
        num_read = len(notes.readings)
        await watched.until(EngineState.READY)
        assert len(notes.readings) == num_read
        assert (await notes.until(lambda stats: stats.counters["jobs"] == 0)).counters["readings"] < 3


async def test_an_engine_without_figures_is_not_asked():
    async with observed(COUNTING, scripted_spec("silent", synthesizer={})) as (notes, _):
        await notes.until(lambda stats: stats.counters["readings"] > 3)
    assert {engine for engine, _ in notes.readings} == {"counting"}
