"""``antiphon up``: the speech server and its HTTP front on this machine, until Ctrl-C."""

import argparse
import asyncio
import contextlib
import importlib.util
import signal
from collections.abc import AsyncIterator

from antiphon_client.cli.failure import CommandFailed
from antiphon_client.cli.options import Commands, add_command
from antiphon_client.cli.processes import Program
from antiphon_client.cli.progress import note, progress

_EXPLANATION = """\
Start the speech server (gRPC) and its HTTP front on this machine, and keep them until Ctrl-C.
Calls that are being answered are finished before it stops.

examples:
  antiphon up
  antiphon up --listen 0.0.0.0:50051 --http 0.0.0.0:8000      reachable from other machines
  antiphon up --no-http                                       gRPC only
  antiphon up --config speech.toml                            own models, voices, limits
"""

_EXAMPLES = """\
Try, in another terminal:
  antiphon say "Hello there." --server {grpc} --out hello.wav
  antiphon converse --server {grpc}
  grpcurl -plaintext -d '{{"text": "Hello there."}}' {grpc} antiphon.speech.v1.SynthesisService/SynthesizeOnce"""

_HTTP_EXAMPLES = """\
  curl http://{http}/v1/audio/speech -H 'Content-Type: application/json' \\
    -d '{{"model": "tts-1", "input": "Hello there.", "voice": "alloy"}}' -o hello.mp3
  curl http://{http}/v1/audio/transcriptions -F file=@hello.mp3 -F model=whisper-1"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "up", summary="start a server on this machine", explanation=_EXPLANATION)
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:50051", help="gRPC (default: %(default)s)")
    parser.add_argument("--http", metavar="HOST:PORT", default="127.0.0.1:8000", help="HTTP (default: %(default)s)")
    parser.add_argument("--no-http", action="store_true", help="without the HTTP front")
    parser.add_argument("--metrics", metavar="HOST:PORT", help="Prometheus metrics of the server (default: none)")
    parser.add_argument("--config", metavar="FILE", help="configuration of the server")
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Start both programs and wait; 1 if one of them ends by itself."""
    for module in ["antiphon_server"] + ([] if options.no_http else ["antiphon_compat"]):
        if importlib.util.find_spec(module) is None:
            raise CommandFailed(f"{module} is not installed here: pip install 'antiphon[embedded,compat]'")
    async with _stop_signal() as stop, contextlib.AsyncExitStack() as exits:
        running = asyncio.create_task(_run(options, exits))
        await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()  # always raises: it only ends by failing
        running.cancel()
        await asyncio.wait({running})
        note("stopping; calls in progress are finished first (Ctrl-C again does not hurry it)")
    return 0


async def _run(options: argparse.Namespace, exits: contextlib.AsyncExitStack) -> None:
    """Start both, say so, and raise as soon as one ends."""
    with progress("starting; models are loaded and tried out"):
        server = await _start(exits, "server", "antiphon_server", _server_arguments(options))
        grpc_address = await server.ready()
        programs = [server]
        http_address = ""
        if not options.no_http:
            arguments = ["--listen", options.http, "--server", grpc_address]
            programs.append(await _start(exits, "http front", "antiphon_compat", arguments))
            http_address = await programs[1].ready()
    _announce(grpc_address, http_address)
    ends = {asyncio.create_task(program.ended()): program for program in programs}
    done, waiting = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    ended = done.pop()
    raise CommandFailed(f"The {ends[ended].name} ended by itself with code {ended.result()}; see its log above.")


async def _start(exits: contextlib.AsyncExitStack, name: str, module: str, arguments: list[str]) -> Program:
    program = await Program.start(name, module, arguments)
    exits.push_async_callback(program.stop)
    return program


def _server_arguments(options: argparse.Namespace) -> list[str]:
    arguments = ["--listen", options.listen]
    for flag in ("config", "metrics"):
        value = getattr(options, flag)
        if value:
            arguments += [f"--{flag}", value]
    return arguments


def _announce(grpc_address: str, http_address: str) -> None:
    http = f" http={http_address}" if http_address else ""
    print(f"ready grpc={grpc_address}{http}", flush=True)
    note(_EXAMPLES.format(grpc=grpc_address))
    if http_address:
        note(_HTTP_EXAMPLES.format(http=http_address))
    note("Stop with Ctrl-C.")


@contextlib.asynccontextmanager
async def _stop_signal() -> AsyncIterator["asyncio.Future[None]"]:
    """A future that is done as soon as someone asks us to stop."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def ask() -> None:
        if not stop.done():
            stop.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
