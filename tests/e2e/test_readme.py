"""The README's examples do what it says, copied out of it; only addresses are replaced."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from support.servers import Compat, Server

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
GRPCURL = ROOT / ".cache/tools/grpcurl"


def example(language: str, word: str) -> str:
    found = [body for kind, body in BLOCKS if kind == language and word in body]
    assert len(found) == 1, f"the README should have one {language} example with {word}"
    return found[0]


def run(command: list[str], folder: Path, path: str = "") -> str:
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def placed(body: str, server: Server, compat: Compat | None = None) -> str:
    body = body.replace("127.0.0.1:50051", server.grpc_target)
    return body if compat is None else body.replace("127.0.0.1:8000", compat.address)


def test_python_stub_example_writes_a_playable_file(server: Server, tmp_path: Path) -> None:
    out = run([sys.executable, "-c", placed(example("python", "grpc.insecure_channel"), server)], tmp_path)
    info = soundfile.info(tmp_path / "hello.wav")
    assert (info.samplerate, info.channels) == (24_000, 1)
    assert 2.0 < info.duration < 12.0
    assert "FINISH_REASON_STOP" in out


def test_grpcurl_example_explains(server: Server, tmp_path: Path) -> None:
    if not GRPCURL.exists():
        pytest.skip("grpcurl could not be fetched (scripts/lib/fetch_grpcurl says why)")
    out = run(["sh", "-c", placed(example("sh", "grpcurl -plaintext"), server)], tmp_path, str(GRPCURL.parent))
    assert "What would be spoken, and how?" in out


def test_curl_examples_speak_and_transcribe(server: Server, compat: Compat, tmp_path: Path) -> None:
    out = run(["sh", "-c", placed(example("sh", "curl -s http"), server, compat)], tmp_path)
    assert soundfile.info(tmp_path / "hello.mp3").samplerate == 24_000
    assert "hello" in out.lower()


def test_websocket_example_converses(server: Server, compat: Compat, tmp_path: Path) -> None:
    out = run([sys.executable, "-c", placed(example("python", "websockets.connect"), server, compat)], tmp_path)
    assert "reply_done" in out
    assert float(re.findall(r"([\d.]+) s of speech", out)[0]) > 0.5
