"""Puts the pinned npm packages of the TypeScript client into the ignored cache folder, once."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent / "node"
CACHE = Path(__file__).resolve().parents[3] / ".cache"
INSTALL_LIMIT_S = 90


def installed_packages() -> Path:
    """A folder with node_modules; skips the test, with the reason, where there cannot be one."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    pins = (SOURCE / "package.json").read_bytes()
    folder = CACHE / f"node-{hashlib.sha256(pins).hexdigest()[:12]}"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes(pins)
        _install(folder)
        (folder / "installed").touch()
    return folder


def _install(folder: Path) -> None:
    options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    try:
        done = subprocess.run(
            ["npm", "install", *options],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not deliver the packages within {INSTALL_LIMIT_S} s")
    if done.returncode:
        pytest.skip(f"npm could not install the packages: {done.stderr.strip()[-200:]}")
