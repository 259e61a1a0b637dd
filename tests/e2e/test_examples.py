"""Every example runs as a newcomer runs it, against real servers with the embedded models."""

import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from support.servers import Compat, Server

pytestmark = pytest.mark.models

EXAMPLES = Path(__file__).resolve().parents[2] / "clients" / "python" / "examples"
TESTED = {"speak_sync", "speak_async", "transcribe_file", "conversation_sync", "http_requests", "websocket_voice"}


def run(name: str, *arguments: str, folder: Path) -> str:
    """Run one example in a folder; its output."""
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == TESTED


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


def test_http_speaks_streams_and_transcribes(compat: Compat, tmp_path: Path):
    heard = run("http_requests", "hello.mp3", compat.http_url, folder=tmp_path)
    assert heard.strip() == "Hello there, how are you today?"
    assert soundfile.info(tmp_path / "hello.mp3").format == "MP3"
    assert (tmp_path / "hello.pcm").stat().st_size > 24_000


def test_the_websocket_answers_a_typed_turn(compat: Compat, tmp_path: Path):
    address = compat.http_url.replace("http://", "ws://")
    events = run("websocket_voice", "Say hello.", "reply.pcm", address, folder=tmp_path)
    kinds = [line.split()[0] for line in events.splitlines() if line.strip()]
    assert {"reply_delta", "audio_start", "audio_end", "reply_done"} <= set(kinds)
    assert (tmp_path / "reply.pcm").stat().st_size > 0
