"""A speech model that computes nothing, and counts what it was asked."""

from collections.abc import Mapping
from dataclasses import replace

from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.engine.stats import Distribution, EngineStats
from support.scripted import ScriptedSynthesizer, create_synthesizer

BOUNDS = (1.0, 10.0)


class CountingSynthesizer:
    """Speaks as scripted; its figures are the jobs it began, and how long their texts were."""

    def __init__(self, scripted: ScriptedSynthesizer) -> None:
        self._scripted = scripted
        self._lengths: list[int] = []
        self._num_readings = 0

    async def info(self) -> EngineInfo:
        return replace(await self._scripted.info(), has_stats=True)

    def speak(self, job):
        self._lengths.append(len(job.text))
        return self._scripted.speak(job)

    async def stats(self) -> EngineStats:
        self._num_readings += 1
        ranges = [(float("-inf"), 1.0), (1.0, 10.0), (10.0, float("inf"))]
        counts = [sum(low < length <= high for length in self._lengths) for low, high in ranges]
        return EngineStats(
            counters={"jobs": len(self._lengths), "readings": self._num_readings},
            gauges={"blocks_free": 7, "waiting": 0},
            distributions={"text_characters": Distribution(BOUNDS, tuple(counts), sum(self._lengths))},
        )


async def create(options: Mapping[str, object]) -> CountingSynthesizer:
    return CountingSynthesizer(await create_synthesizer(options))
