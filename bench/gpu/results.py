"""The one file that the stages' results are gathered in."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench._harness import RESULTS
from bench.gpu.record import write_json

FILE = "gpu.json"
PUBLISHED = RESULTS / FILE


def read(path: Path) -> dict[str, Any]:
    """Read the gathered results; empty ones where there are none."""
    if not path.exists():
        return {"bench": "gpu", "stages": {}}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def merge(path: Path, stages: Iterable[Mapping[str, Any]]) -> None:
    """Put stages into a file of results; each takes the place of the one of its name, the others stay.

    A stage that could not be run does not take the place of one that was.
    """
    gathered = read(path)
    for stage in stages:
        before = gathered["stages"].get(stage["stage"])
        if stage["status"] == "skipped" and before is not None and before["status"] != "skipped":
            continue
        gathered["stages"][stage["stage"]] = dict(stage)
    write_json(path, gathered)
