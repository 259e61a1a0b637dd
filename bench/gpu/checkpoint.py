"""Write a checkpoint of this run's size, and load it: time, speed, and memory that no file backs."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from antiphon_server.model.backbone import Backbone
from antiphon_server.model.checkpoint import open_checkpoint
from antiphon_server.model.make import SIZES, make_checkpoint
from antiphon_server.model.stt.checkpoint import open_stt
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.make import STT_SIZES, make_stt_checkpoint
from bench.gpu.record import Record, Skipped
from bench.gpu.setting import Setting
from bench.gpu.timing import wait_for

FOLDER = "checkpoint"
"""In the run's scratch folder; later stages use it."""
_ROOM = 1.2
"""Times the size of the files that has to be free."""
_FULL_BYTES, _LISTENING_BYTES = 10 << 30, 6 << 30


def measure(setting: Setting, record: Record) -> None:
    """Write the speech model, then load it onto the device twice."""

    def load(folder: Path) -> object:
        checkpoint = open_checkpoint(folder)
        model = Backbone(checkpoint.config, dtype=torch.bfloat16, device=setting.device)
        model.load(checkpoint)
        return model, {key: tensor.to(setting.device) for key, tensor in checkpoint.read_codec().items()}

    _require_room(setting, _FULL_BYTES)
    folder = setting.scratch / FOLDER
    _measure(setting, record, folder, lambda: make_checkpoint(folder, SIZES[setting.size], seed=setting.seed), load)


def measure_listening(setting: Setting, record: Record) -> None:
    """Write the listening model, load it onto the device twice, and delete it."""

    def load(folder: Path) -> object:
        checkpoint = open_stt(folder)
        decoder = TextDecoder(checkpoint.config, dtype=torch.bfloat16, device=setting.device)
        ear = Ear(checkpoint.config, dtype=torch.bfloat16, device=setting.device)
        checkpoint.fill({**dict(decoder.named()), **ear.weights})
        return ear, decoder

    _require_room(setting, _LISTENING_BYTES)
    folder, config = setting.scratch / "listening", STT_SIZES[setting.size]
    _measure(setting, record, folder, lambda: make_stt_checkpoint(folder, config, seed=setting.seed), load)
    shutil.rmtree(folder)


def _measure(
    setting: Setting, record: Record, folder: Path, make: Callable[[], None], load: Callable[[Path], object]
) -> None:
    """Write, then load twice: the second time everything is in the page cache for certain."""
    began_at = time.perf_counter()
    make()
    num_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    _record(record, "write checkpoint", time.perf_counter() - began_at, num_bytes)
    for name in ("load checkpoint", "load checkpoint again"):
        with AnonymousMemory() as memory:
            began_at = time.perf_counter()
            loaded = load(folder)
            wait_for(setting.device)
            took_s = time.perf_counter() - began_at
        _record(record, name, took_s, num_bytes, peak_anonymous_bytes=memory.peak - memory.before)
        del loaded


def _record(record: Record, name: str, took_s: float, num_bytes: int, **more: float) -> None:
    record.figure(name, [took_s], "s", bytes=num_bytes, gb_per_s=num_bytes / took_s / 1e9, **more)


def _require_room(setting: Setting, num_bytes: int) -> None:
    free, needed = shutil.disk_usage(setting.scratch).free, int(num_bytes * _ROOM)
    if setting.size == "full" and free < needed:
        raise Skipped(
            f"{setting.scratch} has {free >> 30} GiB free and a checkpoint needs {needed >> 30}; see --scratch"
        )


class AnonymousMemory:
    """Watches the process's anonymous memory: what a load takes besides the pages of its file."""

    def __enter__(self) -> "AnonymousMemory":
        self.before = self.peak = _anonymous_bytes()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.peak = max(self.peak, _anonymous_bytes())
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.02):
            self.peak = max(self.peak, _anonymous_bytes())


def _anonymous_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
