"""Engine processes with scripted parts, and waiting for what they do."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from antiphon_server.engine.spec import EngineSpec, PartSpec, Role
from antiphon_server.worker.condition import EngineState, Supervision
from antiphon_server.worker.supervisor import EngineProcess

TESTS_PATH = str(Path(__file__).parents[1])
QUICK = Supervision(hang_limit_s=None, first_backoff_s=0.01)
START_LIMIT_S = 20.0
FACTORIES: Mapping[Role, str] = {
    "synthesizer": "support.scripted:create_synthesizer",
    "transcriber": "support.scripted:create_transcriber",
    "live_transcriber": "support.scripted_live:create_live_transcriber",
    "voice_activity": "support.scripted:create_voice_activity",
    "chat": "support.scripted:create_chat",
}


def scripted_spec(name: str = "scripted", **options: Mapping[str, object]) -> EngineSpec:
    """Describe a process with the roles given, each with its script's options."""
    parts = {role: PartSpec(FACTORIES[role], options[role]) for role in FACTORIES if role in options}
    return EngineSpec(name, parts, python_path=(TESTS_PATH,))


class Watched:
    """An engine process whose changes of state are kept and can be waited for."""

    def __init__(self, spec: EngineSpec, supervision: Supervision = QUICK) -> None:
        self.states: list[EngineState] = []
        self._changed = asyncio.Event()
        self.process = EngineProcess(spec, self._on_change, supervision=supervision)

    async def until(self, state: EngineState) -> None:
        while self.process.state is not state:
            self._changed.clear()
            async with asyncio.timeout(START_LIMIT_S):
                await self._changed.wait()

    def _on_change(self, process: EngineProcess) -> None:
        self.states.append(process.state)
        self._changed.set()


@asynccontextmanager
async def engine_process(
    supervision: Supervision = QUICK, **options: Mapping[str, object]
) -> AsyncIterator[EngineProcess]:
    """Run a process that is ready; see ``scripted_spec`` for the options."""
    process = Watched(scripted_spec(**options), supervision).process
    await process.start()
    try:
        await process.wait_ready(START_LIMIT_S)
        yield process
    finally:
        await process.stop(0.0)


def kill(process: EngineProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)


async def gone(pidfd: int) -> None:
    """Wait until the process behind a descriptor of ``os.pidfd_open`` has ended."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(pidfd, ended.set_result, None)
    try:
        await ended
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
