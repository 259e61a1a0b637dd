"""``antiphon checkpoint``: what needs the server's code is handed to the server's command."""

import argparse
import asyncio
import importlib.util
import sys
from collections.abc import Sequence

from antiphon_client.cli.failure import CommandFailed
from antiphon_client.cli.options import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the list; what stands behind its name is the server's to read, see ``options_of``."""
    commands.add_parser("checkpoint", help="say what a model's checkpoint holds, or make one", add_help=False)


def options_of(arguments: Sequence[str]) -> argparse.Namespace | None:
    """Take a command line that is this command's, with all its options unread; None for any other."""
    if list(arguments[:1]) != ["checkpoint"]:
        return None
    return argparse.Namespace(run=run, arguments=list(arguments[1:]))


async def run(options: argparse.Namespace) -> int:
    """Run ``antiphon-server checkpoint`` here; its exit code is ours.

    Raises:
        CommandFailed: The server is not installed beside this client.
    """
    if importlib.util.find_spec("antiphon_server") is None:
        raise CommandFailed("checkpoint needs the server on this machine: pip install 'antiphon[higgs]'")
    command = (sys.executable, "-m", "antiphon_server", "checkpoint", *options.arguments)
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()
