"""Chooses the command, runs it, and turns whatever goes wrong into one sentence and an exit code."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from antiphon_client.cli import checkpoint, converse, doctor, listen, models, say, transcribe, up
from antiphon_client.cli.failure import CommandFailed
from antiphon_client.errors import AntiphonError, ConnectionFailed

INTERRUPTED = 130

_HELP = """\
Speak, transcribe and converse with a self-hosted speech server.

  antiphon up                            start a server on this machine
  antiphon say "Hello there." --play     hear it
  antiphon say "Hello." -o hello.wav     keep it
  antiphon transcribe hello.wav          write down what was said
  antiphon transcribe recordings/        the same for a folder, in files beside the recordings
  antiphon listen                        the same for a microphone, while it is said
  antiphon converse                      type, and be answered aloud
  antiphon doctor                        find out what is wrong
"""
_EPILOG = """\
Each command explains itself: antiphon say --help
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not all of it (the rest is said), 130 interrupted.
"""


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: Everything after the program's name.

    Returns:
        The exit code.
    """
    options = checkpoint.options_of(arguments) or build_parser().parse_args(arguments)
    try:
        exit_code: int = asyncio.run(options.run(options))
    except KeyboardInterrupt:
        exit_code = INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        exit_code = 1
    except (AntiphonError, CommandFailed, OSError) as error:
        print(f"antiphon: {sentence(error)}", file=sys.stderr)
        exit_code = error.exit_code if isinstance(error, CommandFailed) else 1
    return exit_code


def sentence(error: AntiphonError | CommandFailed | OSError) -> str:
    """Say what failed in one line, with the field and the request id where there are any."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, ConnectionFailed) or not isinstance(error, AntiphonError):
        return str(error)
    request = f", request {error.request_id}" if error.request_id else ""
    field = f", field {error.field}" if error.field else ""
    return f"{error.message} ({error.reason}{field}{request})"


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="antiphon", description=_HELP, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (up, say, transcribe, listen, converse, models, checkpoint, doctor):
        command.add_to(commands)
    return parser
