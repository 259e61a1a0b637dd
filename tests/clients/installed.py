"""Where scripts/lib/fetch_clients put the clients that are not in .venv, and running programs with them."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from obedient_peer import obedient

PROGRAMS = Path(__file__).resolve().parent
CLIENTS = PROGRAMS.parents[1] / ".cache" / "clients"
LIMIT_S = 280.0


def frameworks_python() -> str:
    """The interpreter that has LiveKit's and Pipecat's plugins; skips the test where there is none."""
    return str(_found("frameworks", "LiveKit's and Pipecat's plugins") / "bin" / "python")


def node_packages(name: str) -> Path:
    """The folder that has Node.js and the packages ``javascript`` or ``ai-sdk``; skips the test where there is none."""
    return _found(name, f"Node.js 22 and the packages of {name}")


def _found(folder: str, what: str) -> Path:
    if not (CLIENTS / folder / ".fetched").exists():
        pytest.skip(f"{what} could not be fetched (scripts/lib/fetch_clients says why)")
    return CLIENTS / folder


def run_framework(program: str, base_url: str, text: str) -> dict[str, Any]:
    """Run a driver of this folder in the frameworks' environment; what it printed.

    It meets our server, and one that fails as it is told: in one process, since importing a framework takes seconds.
    """
    command = [frameworks_python(), "-W", "ignore", str(PROGRAMS / program), base_url, text]

    async def run() -> dict[str, Any]:
        async with obedient() as (_, failing_url):
            return await asyncio.to_thread(_run, [*command, failing_url])

    return asyncio.run(run())


def run_package(language: str, program: str, *arguments: str, folder: Path) -> dict[str, Any]:
    """Run a driver of this folder with the openai package for ``python`` or ``node``; what it printed."""
    if language == "python":
        return _run([sys.executable, "-W", "ignore", str(PROGRAMS / f"{program}.py"), *arguments])
    return run_node("javascript", program, *arguments, folder=folder)


def run_node(packages: str, program: str, *arguments: str, folder: Path) -> dict[str, Any]:
    """Run a driver of this folder with Node.js and these packages; what it printed."""
    place = node_packages(packages)
    (folder / "node_modules").symlink_to(place / "node_modules")
    return _run([str(place / "node"), str(shutil.copy(PROGRAMS / f"{program}.mjs", folder)), *arguments])


def _run(command: list[str]) -> dict[str, Any]:
    """Run with nothing of a real account in reach: no key, no address."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LIVEKIT_"))}
    done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed
