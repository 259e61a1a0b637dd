"""Asks engine processes for their figures, as long as it is let."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from antiphon_server.engine.stats import EngineStats
from antiphon_server.errors import SpeechError
from antiphon_server.worker.condition import EngineState
from antiphon_server.worker.supervisor import EngineProcess

_LIMIT_S = 5.0


async def observe(
    processes: Sequence[EngineProcess], note: Callable[[str, EngineStats], None], *, every_s: float = 1.0
) -> None:
    """Read every process that has figures again and again; never returns.

    Args:
        processes: Those to read; each at its own pace, so that one that hangs holds up no other.
        note: Called with a process's name and its figures.
        every_s: From one reading to the next.
    """
    await asyncio.gather(*(_observe(process, note, every_s) for process in processes))


async def _observe(process: EngineProcess, note: Callable[[str, EngineStats], None], every_s: float) -> None:
    while True:
        for face in (process.synthesizer, process.transcriber):
            info = process.info.get(face.role)
            if process.state is EngineState.READY and info is not None and info.has_stats:
                with contextlib.suppress(SpeechError, TimeoutError):  # it died or hangs: the supervisor tells of that
                    async with asyncio.timeout(_LIMIT_S):
                        note(process.spec.name, await face.stats())
        await asyncio.sleep(every_s)
