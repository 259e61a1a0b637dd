"""Checkpoints: how long one takes to make and to load, and what loading takes in memory beside the weights.

Without an argument a tiny one. ``PYTHONPATH=bench:tests .venv/bin/python bench/checkpoint.py DIR`` loads another, such
as one made by ``antiphon checkpoint make DIR --size full``: 9.3 GB, of which 8.9 GB of memory.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from _harness import Bench, Stopwatch, end_on_signals, figure

from antiphon_server.model.make import SIZES, make_checkpoint
from antiphon_server.runtime.higgs_options import HiggsOptions, plan_of, usable

NUM_MADE = 3
NUM_LOADS = 3
NUM_BLOCKS = 64
LIMIT_MIB = 1024
_MIB = 1 << 20


class Peak:
    """The most anonymous memory of this process, looked at a hundred times a second."""

    def __init__(self) -> None:
        self.num_bytes = self._now()
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def end(self) -> int:
        self._has_ended.set()
        self._thread.join()
        return self.num_bytes

    def _watch(self) -> None:
        while not self._has_ended.wait(0.01):
            self.num_bytes = max(self.num_bytes, self._now())

    def _now(self) -> int:
        found = re.search(r"^RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
        assert found, "this system does not say how much memory is anonymous"
        return int(found[1]) * 1024


def load_here(folder: str) -> None:
    """Load in this process and print what it took."""
    from antiphon_server.runtime.higgs_start import load  # noqa: PLC0415 - torch is part of what is measured

    options = HiggsOptions(checkpoint=folder, num_blocks=NUM_BLOCKS)
    peak, watch = Peak(), Stopwatch()
    loaded = load(options)
    took_ms, plan = watch.ms, plan_of(options, usable(Path(folder)), None)
    weights = sum(plan.weights.values())
    print(
        json.dumps({"s": took_ms / 1000, "weights": weights, "beside": peak.end() - weights, "of": loaded.info.model})
    )


def load_once(folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--in-this-process", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_making(bench: Bench, folder: Path) -> Path:
    bench.begin("making a tiny checkpoint")
    took_s = []
    for index in range(NUM_MADE):
        began_at = time.perf_counter()
        make_checkpoint(folder / str(index), SIZES["tiny"], seed=1)
        took_s.append(time.perf_counter() - began_at)
    num_bytes = (folder / "0" / "model.safetensors").stat().st_size
    bench.add(
        figure("make a tiny checkpoint", took_s, unit="s"),
        figure("make a tiny checkpoint, speed", [num_bytes / s / _MIB for s in took_s], unit="MiB/s"),
    )
    return folder / "0"


def measure_loading(bench: Bench, folder: Path, size: str) -> None:
    bench.begin(f"loading, {size}")
    loads = [load_once(folder) for _ in range(NUM_LOADS)]
    note = "the file is cached after the first" if len(loads) > 1 else ""
    beside = [one["beside"] / _MIB for one in loads]
    bench.add(
        figure(f"load, {size}: from file to ready to step", [one["s"] for one in loads], unit="s", note=note),
        figure(f"load, {size}: weights in memory", [one["weights"] / _MIB for one in loads], unit="MiB"),
        figure(f"load, {size}: speed", [one["weights"] / one["s"] / _MIB for one in loads], unit="MiB/s"),
        figure(
            f"load, {size}: anonymous memory beside them, peak",
            beside,
            unit="MiB",
            limit=LIMIT_MIB,
            note=f"with the interpreter, torch, the tokenizer and {NUM_BLOCKS} blocks of keys and values",
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", type=Path, help="a folder; default: a tiny one made here")
    parser.add_argument("--in-this-process", action="store_true", help="load it here and say what that took")
    options = parser.parse_args()
    if options.in_this_process:
        load_here(str(options.checkpoint))
        return
    bench = Bench("checkpoint")
    with tempfile.TemporaryDirectory() as folder:
        tiny = measure_making(bench, Path(folder))
        measure_loading(bench, tiny, "tiny")
        if options.checkpoint:
            measure_loading(bench, options.checkpoint, "given")
    bench.save()


if __name__ == "__main__":
    end_on_signals()
    main()
