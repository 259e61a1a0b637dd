"""Write a checkpoint of this run's size, and load it: time, speed, and memory that no file backs."""

import shutil
import threading
import time
from pathlib import Path

import torch

from antiphon_server.model.backbone import Backbone
from antiphon_server.model.checkpoint import open_checkpoint
from antiphon_server.model.make import SIZES, make_checkpoint
from bench.gpu.record import Record, Skipped
from bench.gpu.setting import Setting
from bench.gpu.timing import wait_for

FOLDER = "checkpoint"
"""In the run's scratch folder; later stages use it."""
_ROOM = 1.2
"""Times the size of the files that has to be free."""
_FULL_BYTES = 10 << 30


def measure(setting: Setting, record: Record) -> None:
    """Write, then load onto the device twice: the second time everything is in the page cache for certain."""
    folder = setting.scratch / FOLDER
    _require_room(setting)
    began_at = time.perf_counter()
    make_checkpoint(folder, SIZES[setting.size], seed=setting.seed)
    num_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    _record(record, "write checkpoint", time.perf_counter() - began_at, num_bytes)
    for name in ("load checkpoint", "load checkpoint again"):
        with AnonymousMemory() as memory:
            began_at = time.perf_counter()
            checkpoint = open_checkpoint(folder)
            model = Backbone(checkpoint.config, dtype=torch.bfloat16, device=setting.device)
            model.load(checkpoint)
            codec = {key: tensor.to(setting.device) for key, tensor in checkpoint.read_codec().items()}
            wait_for(setting.device)
            took_s = time.perf_counter() - began_at
        _record(record, name, took_s, num_bytes, peak_anonymous_bytes=memory.peak - memory.before)
        del model, codec


def _record(record: Record, name: str, took_s: float, num_bytes: int, **more: float) -> None:
    record.figure(name, [took_s], "s", bytes=num_bytes, gb_per_s=num_bytes / took_s / 1e9, **more)


def _require_room(setting: Setting) -> None:
    free = shutil.disk_usage(setting.scratch).free
    if setting.size == "full" and free < _FULL_BYTES * _ROOM:
        raise Skipped(f"{setting.scratch} has {free >> 30} GiB free and a checkpoint needs 12; see --scratch")


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
