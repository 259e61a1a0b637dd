"""``antiphon up``: both programs come up together, go down together, and never leave one behind."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from support.servers import scripted_config

LIMIT_S = 60


class Up:
    """A running ``antiphon up``."""

    def __init__(self, *arguments: str) -> None:
        addresses = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        command = [sys.executable, "-m", "antiphon_client", "up", *addresses, *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
        self.log: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def ready(self) -> dict[str, str]:
        """Wait for the ready line; its addresses by name."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready "), "\n".join(self.log)
        return dict(re.findall(r"(\w+)=(\S+)", line))

    def children(self) -> list[int]:
        """Process ids of what it started, and what that started."""
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += [int(child) for child in path.read_text().split()]
            found.append(pid)
        return found[1:]

    def ended(self) -> int:
        code = self.process.wait(LIMIT_S)
        self._reading.join(LIMIT_S)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(line.rstrip("\n") for line in self.process.stderr)


def commands_of(pids: list[int]) -> dict[str, int]:
    """Process id by the module that runs there, for our two programs."""
    found = {}
    for pid in pids:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if "--listen" in words and words[1] == "-m":
            found[words[2]] = pid
    return found


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads child processes from /proc")


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_serve_until_a_signal_and_nothing_is_left_behind(tmp_path, number):
    up = Up("--config", str(scripted_config(tmp_path)))
    addresses = up.ready()
    said = subprocess.run(
        [sys.executable, "-m", "antiphon_client", "say", "Hello.", "--server", addresses["grpc"], "-o", "hello.wav"],
        cwd=tmp_path,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert requests.get(f"http://{addresses['http']}/health", timeout=10).status_code == 200
    pids = up.children()
    assert set(commands_of(pids)) == {"antiphon_server", "antiphon_compat"}
    up.process.send_signal(number)
    assert up.ended() == 0
    assert not [pid for pid in pids if is_alive(pid)]
    shown = "\n".join(up.log)
    assert f'antiphon say "Hello there." --server {addresses["grpc"]}' in shown
    assert f"curl http://{addresses['http']}/v1/audio/speech" in shown


@needs_proc
@pytest.mark.parametrize("victim", ["antiphon_server", "antiphon_compat"])
def test_if_one_dies_the_other_is_stopped_and_the_exit_code_says_so(tmp_path, victim):
    up = Up("--config", str(scripted_config(tmp_path)))
    up.ready()
    programs = commands_of(up.children())
    os.kill(programs[victim], signal.SIGKILL)
    assert up.ended() == 1
    assert "ended by itself with code -9" in up.log[-1]
    assert not [pid for pid in programs.values() if is_alive(pid)]


def test_a_server_that_cannot_start_is_reported_with_its_log(tmp_path):
    config = tmp_path / "bad.toml"
    config.write_text("no_such_key = 1\n")
    up = Up("--config", str(config))
    assert up.ended() == 1
    assert any(line.startswith("[server] ") and "no_such_key" in line for line in up.log)
    assert up.log[-1].startswith("antiphon: The server ended with code ")


def test_without_http_only_grpc_is_served(tmp_path):
    up = Up("--no-http", "--config", str(scripted_config(tmp_path)))
    assert set(up.ready()) == {"grpc"}
    up.process.send_signal(signal.SIGINT)
    assert up.ended() == 0
