"""What engine processes count of their own work, as Prometheus metrics labelled with the process's name.

An engine chooses its figures; those of the runtimes here are in docs/metrics.md. A reading stays until the next one,
so an engine that is coming back shows what it last said; afterwards its counts begin again, as Prometheus expects.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Protocol, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from antiphon_server.telemetry.logs import log

PREFIX = "antiphon_engine_"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = frozenset({"ready", "restarts"})
"""What the front itself says of engines."""
_SPLIT = {"blocks_": ("blocks", "state"), "sequences_": ("sequences", "finish")}
"""Names that begin so are one metric, with the rest of the name as a label."""
MEANINGS = {
    "batch_rows": "Sequences of a decode step.",
    "blocks": "Blocks of keys and values, by state.",
    "codec_windows": "Windows that the codec decoded.",
    "first_audio_ms": "From taking a sequence to its first samples.",
    "graph_bytes": "GPU memory that capturing graphs took.",
    "graph_capture_ms": "Time that capturing graphs took.",
    "graph_misses": "Steps that found no graph and failed; must stay 0.",
    "graphs": "Graphs that were captured.",
    "predicted_first_audio_ms": "What a sequence of now would have to wait for its first samples.",
    "prefill_ms": "One call of the model for a prompt or a part of it.",
    "prefills": "Parts of prompts that were computed.",
    "prefills_without_graph": "Parts of prompts too long for a graph.",
    "prefix_hit_positions": "Positions of voices that were in the cache already.",
    "prefix_positions": "Positions of voices that could have been in the cache.",
    "queue_ms": "From taking a sequence to its place in the batch.",
    "rows": "Rows of codes that were generated.",
    "running": "Sequences being spoken.",
    "sequences": "Sequences that ended, by how.",
    "step_ms": "Length of a step.",
    "steps": "Steps that did work.",
    "underrun_seconds": "Time that players of the engine's sound would have starved.",
    "waiting": "Sequences that wait for a place.",
}
_Value = TypeVar("_Value")
_Number = TypeVar("_Number", CounterMetricFamily, GaugeMetricFamily)
_Family = TypeVar("_Family", CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily)


class Distribution(Protocol):
    """How often a figure was how large."""

    @property
    def bounds(self) -> tuple[float, ...]:
        """Upper ends of the ranges, rising."""
        ...

    @property
    def counts(self) -> tuple[int, ...]:
        """Observations in each range, and above the last."""
        ...

    @property
    def total(self) -> float:
        """Sum of all observations."""
        ...


class Reading(Protocol):
    """Figures of one moment, by names without the prefix."""

    @property
    def counters(self) -> Mapping[str, float]:
        """What only grows while the engine lives."""
        ...

    @property
    def gauges(self) -> Mapping[str, float]:
        """What rises and falls."""
        ...

    @property
    def distributions(self) -> Mapping[str, Distribution]:
        """What was observed many times."""
        ...


class EngineFigures(Collector):
    """The latest reading of every engine; scrapes come from threads of their own."""

    def __init__(self) -> None:
        """Begin without readings."""
        self._readings: dict[str, Reading] = {}
        self._refused: set[tuple[str, str]] = set()

    def note(self, engine: str, reading: Reading) -> None:
        """Keep an engine's reading in place of its last. Figures that Prometheus could not show are logged once."""
        self._readings[engine] = reading
        names = {*reading.counters, *reading.gauges, *reading.distributions}
        odd = {name for name in names if not _is_name(name)}
        odd |= {name for name, observed in reading.distributions.items() if not _is_whole(observed)}
        for name in odd:
            if (engine, name) not in self._refused:
                self._refused.add((engine, name))
                log("engine_figure_refused", engine=engine, figure=name)

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand: engines choose their figures."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Show the latest readings, one metric for all engines that have it."""
        families: dict[str, Metric] = {}
        for engine, reading in list(self._readings.items()):
            for name, value in _shown(reading.counters):
                _add(families, CounterMetricFamily, engine, name, value)
            for name, value in _shown(reading.gauges):
                _add(families, GaugeMetricFamily, engine, name, value)
            whole = {name: observed for name, observed in reading.distributions.items() if _is_whole(observed)}
            for name, observed in _shown(whole):
                buckets = _buckets(observed.bounds, observed.counts)
                _family(families, HistogramMetricFamily, name).add_metric([engine], buckets, observed.total)
        return families.values()


def _family(
    families: dict[str, Metric], kind: type[_Family], name: str, labels: Sequence[str] = ("engine",)
) -> _Family:
    """Find or begin a metric. Where the name is one of another kind already, what is added here is not shown."""
    meaning = MEANINGS.get(name, "A figure of the engine's own; see its documentation.")
    own = kind(PREFIX + name, meaning, labels=labels)
    found = families.setdefault(name, own)
    return found if isinstance(found, kind) else own


def _add(families: dict[str, Metric], kind: type[_Number], engine: str, name: str, value: float) -> None:
    for start, (whole, label) in _SPLIT.items():
        if name.startswith(start):
            labels = ("engine", label)
            _family(families, kind, whole, labels).add_metric([engine, name.removeprefix(start)], value)
            return
    _family(families, kind, name).add_metric([engine], value)


def _shown(figures: Mapping[str, _Value]) -> Iterable[tuple[str, _Value]]:
    return ((name, value) for name, value in figures.items() if _is_name(name))


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in _TAKEN


def _is_whole(observed: Distribution) -> bool:
    return len(observed.counts) == len(observed.bounds) + 1


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    ends = [*(f"{float(bound)!r}" for bound in bounds), "+Inf"]
    return list(zip(ends, map(float, accumulate(counts)), strict=True))
