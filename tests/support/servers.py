"""Real processes of ours for tests: started on port 0, awaited by their ready line, stopped with SIGTERM."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

START_LIMIT_S = 90.0
TESTS = Path(__file__).resolve().parent.parent
AS_SHIPPED = {"ANTIPHON_SECOND_TTS_ENGINE": "none", "ANTIPHON_LIVE_ENGINE": "none"}
"""What the user of this machine has added to the server's models is not there for tests that do not ask for it."""
SCRIPTED = """
engine_path = [{tests!r}]
[tts]
engine = "support.scripted:create_synthesizer"
[stt]
engine = "support.scripted:create_transcriber"
[vad]
engine = "support.scripted:create_voice_activity"
[chat]
engine = "support.scripted:create_chat"
"""


class Process:
    """One of our commands, ready to be called."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.log_lines: list[str] = []
        self._ready = threading.Event()
        self.address = ""
        self._threads = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        if not self._ready.wait(START_LIMIT_S) or not self.address:
            self.stop()
            raise RuntimeError(f"{command[0]} did not become ready:\n" + "\n".join(self.log_lines[-20:]))

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def terminate(self) -> None:
        """Ask it to go down, without waiting."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, limit_s: float = 30.0) -> int:
        """Wait for the end; the exit status."""
        status = self._process.wait(limit_s)
        for thread in self._threads:
            thread.join(5.0)
        return status

    def stop(self) -> int:
        """End it; the exit status."""
        if self.is_running():
            self.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self._process.kill()
        status = self.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return status

    def _read_out(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready "):
                self.address = line.split("=", 1)[1].strip()
                self._ready.set()
        self._ready.set()

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        self.log_lines.extend(line.rstrip("\n") for line in self._process.stderr)


class Server(Process):
    """antiphon-server."""

    @property
    def grpc_target(self) -> str:
        return self.address


class Compat(Process):
    """antiphon-compat."""

    @property
    def http_url(self) -> str:
        return f"http://{self.address}"


def start_server(*arguments: str, config: Path | None = None, environment: dict[str, str] | None = None) -> Server:
    """Start antiphon-server, by default with the embedded models."""
    extra = ["--config", str(config)] if config else []
    command = [sys.executable, "-m", "antiphon_server", "--listen", "127.0.0.1:0", *extra, *arguments]
    return Server(command, {**AS_SHIPPED, **(environment or {})})


def start_compat(server: Server, *arguments: str) -> Compat:
    """Start antiphon-compat in front of a server."""
    command = [sys.executable, "-m", "antiphon_compat", "--listen", "127.0.0.1:0", "--server", server.grpc_target]
    return Compat([*command, *arguments])


def scripted_config(folder: Path, extra: str = "") -> Path:
    """Write settings that put scripted engines in place of models; ``extra`` is more TOML."""
    path = folder / "scripted.toml"
    path.write_text(SCRIPTED.format(tests=str(TESTS)) + extra)
    return path


def start_hearing(folder: Path, sentence: str) -> Server:
    """Start a server with scripted engines that always hears the same sentence, and whose voice is a tone."""
    return start_server(config=scripted_config(folder, f'[stt.options]\nanswers = ["{sentence}"]\n'))
