"""Which machine, which software, which commit; and wheels that were carried along."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench._harness import ROOT

SOURCES = (".", "proto/gen/python", "server", "tests")
"""Folders of the repository that are imported from, relative to its root."""
PACKAGES = ("torch", "triton", "transformers", "safetensors", "tokenizers", "numpy", "grpcio")
_GPU_FIELDS = (
    "name", "driver_version", "memory.total", "memory.used", "clocks.sm", "clocks.mem", "clocks.max.sm",
    "clocks.max.mem", "power.draw", "power.limit", "temperature.gpu", "persistence_mode", "compute_mode",
)  # fmt: skip


def import_from_here(wheels: Path | None, unpacked: Path) -> None:
    """Let this process and those it starts import the repository, and the wheels of a folder, once unpacked."""
    paths = [str(ROOT / source) for source in SOURCES]
    if wheels is not None:
        _unpack(wheels, unpacked)
        paths.append(str(unpacked))
    sys.path[:0] = [path for path in paths if path not in sys.path]
    known = os.environ.get("PYTHONPATH", "")  # noqa: TID251 - for the processes that stages start
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *([known] if known else [])])  # noqa: TID251 - the same


def _unpack(wheels: Path, target: Path) -> None:
    found = sorted(wheels.glob("*.whl"))
    if not found:
        raise SystemExit(f"--wheels {wheels}: there is no *.whl in it")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*command, "--target", str(target), *map(str, found)], check=True)


def about_run(arguments: list[str], commit: str, setting: Mapping[str, Any]) -> dict[str, Any]:
    """Describe what every stage of a run has in common."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python3", "-m", "bench.gpu", *arguments]),
        "commit": commit or _git("rev-parse", "--short=12", "HEAD") or "unknown",
        "has_local_changes": bool(_git("status", "--porcelain", "--untracked-files=no", "--", "server", "bench")),
        "setting": dict(setting),
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
            "gpu": gpu_now().get("name", ""),
        },
    }


def versions() -> dict[str, str]:
    """Versions of the packages that matter; those that are not installed are left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def gpu_now() -> dict[str, str]:
    """What nvidia-smi says of the first GPU right now; empty where there is none. Reads only."""
    command = ["nvidia-smi", f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = told.strip().splitlines()
    return dict(zip(_GPU_FIELDS, (value.strip() for value in lines[0].split(",")), strict=False)) if lines else {}


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
