"""Options that several commands share, and the client they describe."""

import argparse
import os
from typing import TypeAlias

from antiphon_client.client import AntiphonClient

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001
"""What commands are added to; argparse has no public name for it."""

DEFAULT_SERVER = "localhost:50051"
DEFAULT_SAMPLE_RATE_HZ = 24_000


def add_command(commands: Commands, name: str, *, summary: str, explanation: str) -> argparse.ArgumentParser:
    """Add a command whose help is text with examples, laid out as written."""
    return commands.add_parser(
        name, help=summary, description=explanation, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add the address and the key of the server to call."""
    group = parser.add_argument_group("server")
    group.add_argument(
        "--server",
        metavar="HOST:PORT",
        default=os.environ.get("ANTIPHON_SERVER", DEFAULT_SERVER),
        help=f"gRPC address (default: $ANTIPHON_SERVER or {DEFAULT_SERVER})",
    )
    group.add_argument(
        "--api-key",
        metavar="KEY",
        default=os.environ.get("ANTIPHON_API_KEY"),
        help="sent as a bearer token (default: $ANTIPHON_API_KEY)",
    )


def client_of(options: argparse.Namespace) -> AntiphonClient:
    """Make the client that :func:`add_server_options` describes."""
    return AntiphonClient(options.server, api_key=options.api_key)
