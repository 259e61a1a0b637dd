"""What all benchmarks share: figures, the machine they were taken on, and the file they go to."""

import importlib.metadata
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
PACKAGES = ("grpcio", "protobuf", "uvloop", "numpy", "onnxruntime", "ctranslate2", "faster-whisper", "hibari-tts",
            "xllamacpp", "aiohttp", "torch")  # fmt: skip
PAUSE_S = 0.3
"""Between timed calls: OpenMP threads of the side that just ran spin for 0.2 s and would slow the other one."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity."""

    name: str
    unit: str
    median: float
    p95: float
    n: int
    limit: float | None = None
    """The largest median (or, for a p99, value) that counts as met."""
    is_lower_limit: bool = False
    """Whether it is the smallest one instead."""
    compared_with: str = ""
    """Name of the figure of the same run that ``ratio`` divides by."""
    ratio: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        if self.limit is None:
            return None
        return self.median >= self.limit if self.is_lower_limit else self.median <= self.limit


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(percent / 100 * len(ordered) + 0.5) - 1))]


def figure(name: str, values: Sequence[float], unit: str = "ms", limit: float | None = None, note: str = "") -> Figure:
    """Sum measurements up."""
    return Figure(name, unit, statistics.median(values), percentile(values, 95), len(values), limit, note=note)


def amount(
    name: str,
    value: float,
    unit: str = "",
    *,
    n: int = 1,
    limit: float | None = None,
    is_lower_limit: bool = False,
    note: str = "",
) -> Figure:
    """One value, computed from ``n`` measurements."""
    return Figure(name, unit, value, value, n, limit, is_lower_limit=is_lower_limit, note=note)


def ratio_of(name: str, ours: Sequence[float], theirs: Sequence[float], *, to: str, limit: float | None) -> Figure:
    """Compare the medians of two series taken in turns."""
    ratio = statistics.median(ours) / statistics.median(theirs)
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Figure(name, "x", ratio, percentile(pairs, 95), len(ours), limit, compared_with=to, ratio=ratio)


def difference_of(
    name: str, ours: Sequence[float], theirs: Sequence[float], *, to: str, limit: float | None = None
) -> Figure:
    """Subtract the medians of two series taken in turns, in milliseconds."""
    pairs = [a - b for a, b in zip(ours, theirs, strict=True)]
    difference = statistics.median(ours) - statistics.median(theirs)
    return Figure(name, "ms", difference, percentile(pairs, 95), len(ours), limit, compared_with=to)


class Bench:
    """Collects the figures of one run and writes them down."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._figures: list[Figure] = []
        self._skipped: dict[str, str] = {}
        self._kept: dict[str, object] = {}
        self._watch = Stopwatch()
        self._began_at = datetime.now(UTC)
        self._load_before = os.getloadavg()

    def add(self, *figures: Figure) -> None:
        for one in figures:
            side = "at least" if one.is_lower_limit else "limit"
            mark = "" if one.limit is None else f"  ({side} {one.limit:g}: {'met' if one.is_met else 'MISSED'})"
            print(f"{one.name:58s} {one.median:10.3f} {one.unit:6s} p95 {one.p95:10.3f}  n {one.n}{mark}", flush=True)
            self._figures.append(one)

    def begin(self, part: str) -> None:
        """Say what is measured next, for whoever waits."""
        print(f"-- {self._watch.ms / 1000:4.0f} s  {part}", flush=True)

    def skip(self, part: str, reason: str) -> None:
        """Note what could not be measured here, and why."""
        print(f"{part}: not measured, {reason}", flush=True)
        self._skipped[part] = reason

    def keep(self, name: str, values: object) -> None:
        """Write down what figures were computed from, so that others can compute them again."""
        self._kept[name] = values

    def save(self) -> None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        report = {
            "bench": self._name,
            "at": self._began_at.isoformat(timespec="seconds"),
            "command": f"scripts/bench {self._name}",
            "commit": _git("rev-parse", "--short=12", "HEAD"),
            "has_local_changes": bool(_git("status", "--porcelain", "--untracked-files=no", "--", "server", "compat")),
            "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.platform()},
            "load_average": {"before": self._load_before[0], "after": os.getloadavg()[0]},
            "python": platform.python_version(),
            "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
            "skipped": self._skipped,
            "figures": [{**asdict(one), "is_met": one.is_met} for one in self._figures],
            **self._kept,
        }
        (RESULTS / f"{self._name}.json").write_text(json.dumps(report, indent=1) + "\n")


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._began_at = time.perf_counter()

    @property
    def ms(self) -> float:
        return (time.perf_counter() - self._began_at) * 1000


def end_on_signals() -> None:
    """End by an exception when told to, so that no server started here is left behind."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))


def process_tree(pid: int) -> list[int]:
    """A process and all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in below for each in process_tree(int(child)))]


def memory_mib(pid: int) -> dict[str, float]:
    """Rss and Pss (shared pages counted once) of a process, MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines[1:]}
    return {"Rss": found["Rss"], "Pss": found["Pss"]}


def cpu_s(pid: int) -> float:
    """User and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
