"""Figures an engine process keeps of its own work; the front shows them as metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Distribution:
    """How often a figure was how large, since the engine started."""

    bounds: tuple[float, ...]
    """Upper ends of the ranges, rising."""
    counts: tuple[int, ...]
    """Observations in each range, and those above the last bound: one more than ``bounds``."""
    total: float
    """Sum of all observations."""


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A reading; names are those of the metrics, without prefix and unit suffix of their kind."""

    counters: Mapping[str, float] = field(default_factory=dict)
    gauges: Mapping[str, float] = field(default_factory=dict)
    distributions: Mapping[str, Distribution] = field(default_factory=dict)


class Observed(Protocol):
    """An engine that says ``has_stats``."""

    async def stats(self) -> EngineStats:
        """Read the figures of this moment."""
        ...
