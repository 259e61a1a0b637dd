"""Callers who have only the .proto files drive all three bidirectional RPCs, in Python and in TypeScript."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from client_stubs.node_packages import SOURCE, installed_packages

from support.servers import Server

REPOSITORY = Path(__file__).resolve().parents[2]
PROTOS = REPOSITORY / "proto" / "antiphon"
STRANGER = Path(__file__).resolve().parent / "client_stubs" / "stranger.py"
LIMIT_S = 110


@pytest.fixture
def protos(tmp_path: Path) -> Path:
    """A folder that holds the .proto files and nothing else."""
    folder = tmp_path / "protos"
    shutil.copytree(PROTOS, folder / "antiphon")
    return folder


@pytest.mark.models
def test_synchronous_stubs_generated_in_an_empty_folder(server: Server, protos: Path, tmp_path: Path):
    folder = tmp_path / "stranger"
    folder.mkdir()
    sources = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    run([sys.executable, "-m", "grpc_tools.protoc", "-I", ".", *outputs, *sources], protos)
    shutil.copy(STRANGER, folder)
    # Without `site`, nothing of ours is on the path: only what pip installed and the folder itself.
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{sysconfig.get_path('purelib')}"}
    found = json.loads(run([sys.executable, "-S", "stranger.py", server.grpc_target], folder, environment))
    assert Path(found["stubs"]).is_relative_to(folder)
    check(found)


@pytest.mark.models
def test_typescript_with_grpc_js(server: Server, protos: Path, tmp_path: Path):
    packages = installed_packages()
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    shutil.copy(SOURCE / "stranger.ts", tmp_path)
    options = ["--strict", "--target", "es2022", "--module", "commonjs", "--skipLibCheck", "--types", "node"]
    run(["node", "node_modules/typescript/bin/tsc", *options, "stranger.ts"], tmp_path)
    check(json.loads(run(["node", "stranger.js", server.grpc_target, str(protos)], tmp_path)))


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(found: dict[str, Any]) -> None:
    """The three streams followed their grammar, and what was spoken was understood."""
    spoken, heard, talked = found["synthesize"], found["transcribe"], found["converse"]
    assert spoken["kinds"][0] == "started"
    assert [kind for kind in spoken["kinds"] if kind.startswith("utterance")] == [
        "utterance_started",
        "utterance_done",
    ] * 2
    assert spoken["num_audio_bytes"] > 2 * 16_000 * 2
    assert (heard["kinds"][0], heard["kinds"][-1]) == ("started", "done")
    assert words(heard["text"]) == ["the", "sun", "is", "warm", "today", "the", "water", "is", "cold"]
    assert talked["kinds"][0] == "started"
    assert len(talked["replies"]) == 2
    assert all(reply.strip() for reply in talked["replies"])
    assert words(talked["text"]) == words(heard["text"])
    assert talked["num_audio_bytes"] > 0


def words(text: str) -> list[str]:
    return "".join(letter for letter in text.lower() if letter.isalpha() or letter.isspace()).split()
