"""What the figures are held against: our targets on one H200, and what the best public server has published."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PEER = "sglang-omni, Higgs TTS v3, 1x H100, bf16, CUDA graphs, at most 16 requests at once"
PEER_SOURCE = "its cookbook, Seed-TTS EN, 1088 clips, mean of three runs"


@dataclass(frozen=True, slots=True)
class Published:
    """One row of the peer's table."""

    calls: int
    requests_per_s: float
    mean_latency_ms: float
    real_time_factor: float
    audio_s_per_s: float


PEER_ROWS = (
    Published(1, 1.62, 617, 0.147, 6.89),
    Published(2, 2.70, 742, 0.180, 11.37),
    Published(4, 5.45, 733, 0.177, 22.84),
    Published(8, 8.91, 898, 0.217, 37.38),
    Published(16, 14.74, 1079, 0.262, 61.84),
)


@dataclass(frozen=True, slots=True)
class Target:
    """One target, and which figure it is about."""

    name: str
    unit: str
    must: float
    goal: float | None
    next: float | None
    stage: str
    figure: str
    of: Mapping[str, Any]
    key: str = "median"
    is_floor: bool = False
    """Whether more is better."""

    def value(self, results: Mapping[str, Any]) -> float | None:
        """What was measured; None if nothing was."""
        found = find(results, self.stage, self.figure, **self.of)
        return None if found is None else float(found[self.key])

    def verdict(self, value: float) -> str:
        """The best of the three that the value meets."""
        best = "**missed**"
        for name, limit in (("must", self.must), ("goal", self.goal), ("next", self.next)):
            if limit is not None and (value >= limit if self.is_floor else value <= limit):
                best = f"{name} met"
        return best


def _step(bucket: int, must: float, goal: float, following: float) -> Target:
    of = {"mode": "batch_invariant", "bucket": bucket}
    return Target(f"decode step, {bucket} at once", "ms", must, goal, following, "decode", "decode step", of)


def _service(name: str, unit: str, must: float, goal: float | None, calls: int, key: str, *, is_floor: bool) -> Target:
    of = {"mode": "batch_invariant", "calls": calls}
    return Target(name, unit, must, goal, None, "service", "service, closed loop", of, key, is_floor)


def _open(name: str, unit: str, must: float, per_s: float, key: str) -> Target:
    of = {"mode": "batch_invariant", "per_s": per_s}
    return Target(name, unit, must, None, None, "service", "service, open loop", of, key)


def _listening(calls: int, must: float, limit: int) -> Target:
    of = {"mode": "batch_invariant", "calls": calls}
    name = f"listening, clips of 30 s, {calls} at once (limit {limit:,})"
    key = "times_real_time"
    return Target(name, "x", must, None, None, "listening", "listening, closed loop", of, key, is_floor=True)


TARGETS = (
    _step(1, 3.1, 2.6, 2.45),
    _step(16, 3.4, 2.9, 2.7),
    _step(64, 5.0, 4.5, 4.1),
    _service("real-time factor, 1 at once", "s/s", 0.09, 0.075, 1, "real_time_factor", is_floor=False),
    _service("speech a second, 16 at once", "s/s", 130, 180, 16, "audio_s_per_s", is_floor=True),
    _service("speech a second, 64 at once", "s/s", 250, 350, 64, "audio_s_per_s", is_floor=True),
    _service("first audio, p50, 1 at once", "ms", 60, None, 1, "first_audio_p50_ms", is_floor=False),
    _open("first audio, p95, 10 requests a second", "ms", 120, 10.0, "first_audio_p95_ms"),
    _open("underruns, 1 request a second", "", 0, 1.0, "underruns"),
    _open("underruns, 10 requests a second", "", 0, 10.0, "underruns"),
    Target("cost of the mode, 1 at once", "%", 10, None, None, "decode", "cost of batch_invariant", {"bucket": 1}),
    _listening(1, 180, 352),
    _listening(32, 1500, 3898),
)


def find(results: Mapping[str, Any], stage: str, name: str, **of: Any) -> dict[str, Any] | None:
    """Find the figure of a stage by its name and what tells it apart."""
    for figure in results["stages"].get(stage, {}).get("figures", ()):
        if figure["name"] == name and all(figure["of"].get(key) == value for key, value in of.items()):
            return dict(figure)
    return None
