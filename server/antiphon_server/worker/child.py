"""The engine process: builds its parts from the spec it is sent, then serves calls until the channel closes."""

import argparse
import asyncio
import faulthandler
import importlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, cast

from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.engine.spec import EngineSpec, PartSpec, Role
from antiphon_server.errors import ModelNotInstalled
from antiphon_server.telemetry.logs import json_handler
from antiphon_server.worker.channel import Channel, open_channel
from antiphon_server.worker.codec import decode, encode
from antiphon_server.worker.failure import encode_error
from antiphon_server.worker.frame import Frame
from antiphon_server.worker.heap import keep_freed
from antiphon_server.worker.serving import CallServer

_THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_Factory = Callable[[Mapping[str, object]], Awaitable[object]]


class _Engine(Protocol):
    async def info(self) -> EngineInfo: ...


class Child:
    """One engine process."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._server: CallServer | None = None
        self._starting: asyncio.Task[None] | None = None

    async def serve(self, sock: socket.socket) -> None:
        """Serve for ever; the process exits when the channel closes."""
        self._channel = await open_channel(sock, self.receive, _exit)
        await asyncio.get_running_loop().create_future()

    def receive(self, frame: Frame) -> None:
        """Act on a frame of the front."""
        assert self._channel is not None
        if frame["kind"] == "ping":
            self._channel.send({"kind": "pong"})
        elif frame["kind"] == "start":
            self._starting = asyncio.get_running_loop().create_task(self._start(frame["spec"], self._channel))
            self._starting.add_done_callback(self._started)
        elif self._server is not None:
            self._server.receive(frame)

    async def _start(self, spec_values: list[Any], channel: Channel) -> None:
        spec = cast("EngineSpec", decode(spec_values))
        _settle(spec)
        engines: dict[Role, object] = {}
        infos: dict[str, object] = {}
        for role, part in spec.parts.items():
            engine = await _load(role, part)(part.options)
            infos[role] = encode(await cast("_Engine", engine).info())
            engines[role] = engine
        self._server = CallServer(channel, engines)
        channel.send({"kind": "ready", "infos": infos})

    def _started(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self._channel is not None:
            self._channel.send({"kind": "failed", "error": encode_error(error)})
            self._channel.close()


def main(argv: Sequence[str] | None = None) -> None:
    """Run the process on the socket it inherited."""
    parser = argparse.ArgumentParser(
        prog="antiphon_server.worker", description="An engine process; the server starts it."
    )
    parser.add_argument("--fd", type=int, required=True, help="connected AF_UNIX socket, inherited")
    parser.add_argument("--name", default="", help="shown in process lists")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the front decides
    faulthandler.enable()
    logging.basicConfig(level=logging.WARNING, handlers=[json_handler()])
    logging.getLogger("antiphon_server").setLevel(logging.INFO)  # what libraries tell at INFO is about callers' audio
    asyncio.run(Child().serve(socket.socket(fileno=arguments.fd)))


def _settle(spec: EngineSpec) -> None:
    """Apply what must hold before the factories are imported."""
    os.nice(spec.nice)
    sys.path[:0] = spec.python_path
    os.putenv("OMP_WAIT_POLICY", "passive")  # by default a waiting thread spins, on a core another engine could use
    if "transcriber" in spec.parts:
        keep_freed()
    if spec.num_threads:
        for name in _THREAD_SETTINGS:
            os.putenv(name, str(spec.num_threads))  # native libraries read it when they are loaded


def _load(role: str, part: PartSpec) -> _Factory:
    module, _, function = part.factory.partition(":")
    try:
        return cast("_Factory", getattr(importlib.import_module(module), function))
    except (ImportError, AttributeError) as missing:
        raise ModelNotInstalled(f"the {role} cannot be built: {part.factory} cannot be imported") from missing


def _exit() -> None:
    """Leave at once: the front is gone, and a computing thread must not hold the process back."""
    logging.shutdown()
    os._exit(0)
