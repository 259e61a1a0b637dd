"""Public servers to measure ours against: each from an environment of its own, with the same weights and threads.

``scripts/lib/peer_env`` makes the environments. Nothing is fetched at run time.
"""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _harness import ROOT

from antiphon_server.embedded import kokoro_files
from antiphon_server.embedded.weights import joined_whisper
from antiphon_server.embedded.whisper import FALLBACK_TEMPERATURES

PEERS = ROOT / ".cache" / "peers"
MODELS = Path.home() / ".cache" / "antiphon"
START_LIMIT_S = 90.0
STOP_LIMIT_S = 10.0
THREADS = 2
"""On both sides: what the embedded engines take by default."""
CLIP_MODEL, LONG_MODEL = "clip", "long"
"""Names of the peer's two sets of options: our server asks for times only where a file is longer than a window."""


class NoPeer(RuntimeError):
    """The peer cannot be run here."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A public server that answers."""

    name: str
    """With its version."""
    url: str


@contextmanager
def fastkokoro() -> Iterator[Peer]:
    """The speech server, with the Kokoro weights and voices that our server speaks with.

    Raises:
        NoPeer: It or the weights are not installed, or it does not start.
    """
    voices, port = PEERS / "fastkokoro-voices.npz", _free_port()
    environment = _environment("fastkokoro")
    np.savez(voices, **{name: styles[:, None] for name, styles in kokoro_files.voices(MODELS).items()})
    settings = {
        "FASTKOKORO_MODEL_PATH": str(kokoro_files.model(MODELS)),
        "FASTKOKORO_VOICES_PATH": str(voices),
        "FASTKOKORO_CACHE_DIR": str(PEERS / "fastkokoro-cache"),
        "FASTKOKORO_ONNX_INTRA_OP_NUM_THREADS": str(THREADS),
        "FASTKOKORO_HOST": "127.0.0.1",
        "FASTKOKORO_PORT": str(port),
    }
    with _running("fastkokoro", [str(environment / "fastkokoro")], settings, port) as peer:
        yield peer


@contextmanager
def faster_whisper_server() -> Iterator[Peer]:
    """The transcription server, with the weights and the decoding options of our server.

    Raises:
        NoPeer: It or the weights are not installed, or it does not start.
    """
    environment = _environment("faster-whisper-server")
    config = PEERS / "faster-whisper-server.yaml"
    config.write_text(json.dumps(_whisper_config()))  # JSON is YAML
    port = _free_port()
    options = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    with _running("faster-whisper-server", [str(environment / "faster-whisper-server"), *options], {}, port) as peer:
        yield peer


def _whisper_config() -> Mapping[str, object]:
    decoding = {
        "beam_size": 1,
        "best_of": 1,
        "temperature": list(FALLBACK_TEMPERATURES),
        "condition_on_previous_text": False,
    }
    model = {
        "path": str(joined_whisper(MODELS)),
        "model_options": {"device": "cpu", "compute_type": "int8", "cpu_threads": THREADS, "local_files_only": True},
    }
    return {
        "models": [
            model | {"name": CLIP_MODEL, "transcribe_options": decoding | {"without_timestamps": True}},
            model | {"name": LONG_MODEL, "transcribe_options": decoding},
        ]
    }


def _environment(name: str) -> Path:
    """The folder of a peer's commands."""
    if not (PEERS / name / ".made").is_file():
        raise NoPeer(f"it is not installed; run: scripts/lib/peer_env {name}")
    return PEERS / name / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(name: str, command: list[str], settings: Mapping[str, str], port: int) -> Iterator[Peer]:
    log = PEERS / f"{name}.log"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(PEERS), "HF_HUB_OFFLINE": "1", **settings}
    with log.open("wb") as out:
        process = subprocess.Popen([*_mortal(), *command], stdout=out, stderr=subprocess.STDOUT, env=environment)
        try:
            url = f"http://127.0.0.1:{port}"
            _await_health(process, url, log)
            yield Peer(f"{name} {_version(name)}", url)
        finally:
            _stop(process)


def _mortal() -> list[str]:
    """Prefix of a command that is to be killed with this process, however that ends."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def _await_health(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise NoPeer("it did not start: " + " / ".join(log.read_text(errors="replace").splitlines()[-3:]))


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _version(name: str) -> str:
    lines = (ROOT / "scripts" / "lib" / "peers" / f"{name}.txt").read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{name}=="))
