"""Hands the commands that need the server's code over to ``antiphon-server``."""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence

from antiphon_client.cli.options import Commands

SUBCOMMANDS = {
    "checkpoint": "inspect and convert model checkpoints (antiphon-server checkpoint)",
    "keys": "manage API keys (antiphon-server keys)",
    "migrate": "bring stored data up to date (antiphon-server migrate)",
}
"""Commands of the server, with what they are for."""

_SERVER = "antiphon_server"


def add_to(commands: Commands) -> None:
    """Show the commands in the help; :func:`run` takes them before anything is parsed."""
    for name, summary in SUBCOMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)


def run(arguments: Sequence[str]) -> int:
    """Run ``antiphon-server`` with these arguments and give its exit code."""
    if importlib.util.find_spec(_SERVER) is None:
        message = f"antiphon: `{arguments[0]}` needs the server's code on this machine: pip install antiphon[embedded]"
        print(message, file=sys.stderr)
        return 1
    return subprocess.call([sys.executable, "-m", _SERVER, *arguments])  # noqa: S603 - our own program
