"""The results of one stage, on disk as soon as there are any."""

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench._harness import percentile

RUNNING, DONE, SKIPPED, FAILED, CUT = "running", "done", "skipped", "failed", "cut"
"""What a stage can be; CUT: it was ended at its deadline, and what it had written is kept."""


class Skipped(Exception):
    """A stage cannot be run here; the message says what is missing."""


class Record:
    """Figures and checks of one stage. Every addition is written at once, so a stage that is killed keeps them."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self._path = path
        self._report: dict[str, Any] = {
            **about, "status": RUNNING, "reason": "", "facts": {}, "figures": [], "checks": [], "not_measured": {},
        }  # fmt: skip
        self._write()

    def figure(
        self, name: str, values: Sequence[float], unit: str, *, of: Mapping[str, Any] | None = None, **more: Any
    ) -> None:
        """Add a measured quantity.

        Args:
            name: What it is.
            values: All measurements.
            unit: Their unit.
            of: What tells it from others of its name, e.g. ``{"bucket": 16}``.
            **more: What belongs to it: bytes, a fraction of the limit.
        """
        found = {
            "name": name, "of": dict(of or {}), "unit": unit, "median": statistics.median(values),
            "p95": percentile(values, 95), "n": len(values), **more,
        }  # fmt: skip
        self._report["figures"].append(found)
        self._write()
        extra = "".join(f"  {key} {_short(value)}" for key, value in more.items())
        label = f"{name} {' '.join(f'{key}={value}' for key, value in found['of'].items())}"
        print(
            f"   {label:62s} {found['median']:12.4g} {unit:8s} p95 {found['p95']:10.4g} n {len(values)}{extra}",
            flush=True,
        )

    def check(self, name: str, *, is_met: bool, detail: str = "") -> None:
        """Add something that must hold."""
        self._report["checks"].append({"name": name, "is_met": bool(is_met), "detail": detail})
        self._write()
        print(f"   {'ok' if is_met else 'NOT MET':8s} {name}{': ' if detail else ''}{detail}", flush=True)

    def fact(self, **facts: Any) -> None:
        """Note what is known and not measured: versions, settings."""
        self._report["facts"].update(facts)
        self._write()

    def not_measured(self, part: str, reason: str) -> None:
        """Note a part that could not be measured here."""
        self._report["not_measured"][part] = reason
        self._write()
        print(f"   {part}: not measured, {reason}", flush=True)

    def end(self, status: str, reason: str = "", **more: Any) -> None:
        """Note how it ended."""
        self._report.update(status=status, reason=reason, **more)
        self._write()

    def _write(self) -> None:
        write_json(self._path, self._report)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file as a whole, so that nobody ever reads half of it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.part")
    fresh.write_text(json.dumps(content, indent=1) + "\n")
    fresh.replace(path)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
