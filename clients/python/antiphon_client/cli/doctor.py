"""``antiphon doctor``: find out what is wrong, and say what to do about it."""

import argparse
from collections.abc import AsyncIterator

from antiphon_client.cli.checks import Finding, http_check, local_checks, server_checks
from antiphon_client.cli.options import Commands, add_command, add_server_options, client_of
from antiphon_client.cli.progress import progress

_EXPLANATION = """\
Check Python, packages, the server, each model and the HTTP front; have a sentence spoken and transcribed;
say what to do about whatever is wrong. Exit code 1 if anything essential is.

examples:
  antiphon doctor
  antiphon doctor --server speech.example:50051 --http speech.example:8000
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "doctor", summary="find out what is wrong", explanation=_EXPLANATION)
    parser.add_argument("--http", metavar="HOST:PORT", default="127.0.0.1:8000", help="HTTP (default: %(default)s)")
    add_server_options(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Make all checks, showing each as it ends."""
    num_wrong = 0
    with progress("looking"):
        async for finding in _findings(options):
            _show(finding)
            num_wrong += not finding.is_ok and finding.is_essential
    print("All is well." if not num_wrong else f"{num_wrong} thing(s) to repair.")
    return 1 if num_wrong else 0


async def _findings(options: argparse.Namespace) -> AsyncIterator[Finding]:
    async for finding in local_checks():
        yield finding
    async with client_of(options) as client:
        async for finding in server_checks(client):
            yield finding
    yield await http_check(options.http)


def _show(finding: Finding) -> None:
    mark = "ok  " if finding.is_ok else "FAIL" if finding.is_essential else "note"
    print(f"{mark}  {finding.name}: {finding.detail}")
    if finding.remedy:
        print(f"      -> {finding.remedy}")
