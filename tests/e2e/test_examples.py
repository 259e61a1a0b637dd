"""Every example runs as a newcomer runs it, against real servers with the embedded models, or one that clones."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from support.servers import Compat, Server

pytestmark = pytest.mark.models

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
EXAMPLES = CLIENTS / "python" / "examples"
JAVASCRIPT = CLIENTS.parent / ".cache" / "clients" / "javascript"
LIMIT_S = 280
CLONING = ("clone_voice.py", "clone.sh")
"""Tested in test_clone_examples.py, with a model that clones."""
TESTED = {
    "speak_sync.py",
    "speak_async.py",
    "transcribe_file.py",
    "conversation_sync.py",
    "http_requests.py",
    "openai_sdk.py",
    "websocket_voice.py",
    "openai_sdk.js",
    "speech.sh",
    *CLONING,
}


def run(name: str, *arguments: str, folder: Path) -> str:
    """Run one Python example in a folder; its output."""
    return run_command([sys.executable, str(EXAMPLES / f"{name}.py"), *arguments], folder)


def run_command(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested():
    found = [*EXAMPLES.glob("*.py"), *(CLIENTS / "javascript").glob("*.js"), *(CLIENTS / "curl").glob("*.sh")]
    assert {path.name for path in found} == TESTED
    listed = re.findall(r"^\| \[(.+?)\]\((.+?)\)", (CLIENTS / "README.md").read_text(), flags=re.MULTILINE)
    assert {name for name, _ in listed} == TESTED
    assert {(CLIENTS / place).resolve() for _, place in listed} == set(found)


def test_what_the_synchronous_stub_speaks_is_understood(server: Server, tmp_path: Path):
    reported = run("speak_sync", "The sun is warm today.", "hello.wav", server.grpc_target, folder=tmp_path)
    sound = soundfile.info(tmp_path / "hello.wav")
    assert reported.startswith(f"{sound.frames} samples, first audio after ")
    heard = run("transcribe_file", "hello.wav", server.grpc_target, folder=tmp_path).splitlines()
    assert heard[0] == "The sun is warm today."
    assert [line.split()[-1].lower().strip(".") for line in heard[1:]] == ["the", "sun", "is", "warm", "today"]


def test_text_that_is_still_being_written_is_spoken(server: Server, tmp_path: Path):
    reported = run("speak_async", "hello.wav", server.grpc_target, folder=tmp_path)
    assert reported.startswith(f"{soundfile.info(tmp_path / 'hello.wav').duration:.1f} s of speech, first audio after ")


def test_the_synchronous_conversation_answers_every_turn(server: Server, tmp_path: Path):
    replies = run("conversation_sync", server.grpc_target, "Say hello.", "Say goodbye.", folder=tmp_path)
    assert len([line for line in replies.splitlines() if line.strip()]) >= 2


def check_heard(output: str) -> None:
    """What every example over HTTP prints: the end of the speech, its words in several forms, and what is installed."""
    assert "stop" in output
    assert output.count("Hello there, how are you today?") >= 3
    assert "00:00:00,0" in output
    assert "today" in output.split("00:00:00,0")[1]
    assert "hibari" in output
    assert "heart-low" in output


def check_spoken(folder: Path) -> None:
    """The three files of every such example: MP3, WAV and samples."""
    assert soundfile.info(folder / "hello.mp3").format == "MP3"
    assert soundfile.info(folder / "hello.mp3").duration > 1.0
    assert soundfile.info(folder / "hello.wav").format == "WAV"
    assert (folder / "hello.pcm").stat().st_size > 24_000


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["http_requests", "openai_sdk"])
def test_python_speaks_listens_and_looks_around(compat: Compat, tmp_path: Path, name: str):
    check_heard(run(name, "hello.mp3", compat.http_url, folder=tmp_path))
    check_spoken(tmp_path)


@pytest.mark.timeout(300)
def test_javascript_speaks_listens_and_looks_around(compat: Compat, tmp_path: Path):
    if not (JAVASCRIPT / ".fetched").exists():
        pytest.skip("Node.js 22 and its openai package could not be fetched (scripts/lib/fetch_clients says why)")
    for name in ("openai_sdk.js", "package.json"):
        shutil.copy(CLIENTS / "javascript" / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(JAVASCRIPT / "node_modules")
    check_heard(run_command([str(JAVASCRIPT / "node"), "openai_sdk.js", "hello.mp3", compat.http_url], tmp_path))
    check_spoken(tmp_path)


@pytest.mark.timeout(300)
def test_curl_speaks_listens_and_looks_around(compat: Compat, tmp_path: Path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    check_heard(run_command(["sh", str(CLIENTS / "curl" / "speech.sh"), "hello.mp3", compat.http_url], tmp_path))
    check_spoken(tmp_path)


def test_the_websocket_answers_a_typed_turn(compat: Compat, tmp_path: Path):
    address = compat.http_url.replace("http://", "ws://")
    events = run("websocket_voice", "Say hello.", "reply.pcm", address, folder=tmp_path)
    kinds = [line.split()[0] for line in events.splitlines() if line.strip()]
    assert {"reply_delta", "audio_start", "audio_end", "reply_done"} <= set(kinds)
    assert (tmp_path / "reply.pcm").stat().st_size > 0
