"""docs/metrics.md lists every metric there is, with its kind, and no other."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from prometheus_client import REGISTRY, CollectorRegistry

from antiphon_server.engine.runner import Draw
from antiphon_server.engine.sequence import Ask
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.runtime.cuda.catalogue import GraphCatalogue
from antiphon_server.runtime.cuda.graph_runner import GraphRunner
from antiphon_server.runtime.cuda.lane import CpuLane
from antiphon_server.telemetry import metrics
from antiphon_server.telemetry.engine_figures import MEANINGS, PREFIX, EngineFigures
from support.scripted_runner import ScriptedRunner

PAGE = Path(__file__).parents[3] / "docs/metrics.md"
ROW = re.compile(r"^\| `(antiphon_\w+)` \| (\w+) \|", re.MULTILINE)


def listed() -> dict[str, str]:
    """Kinds by name, as the page has them."""
    return {name.removesuffix("_total"): kind for name, kind in ROW.findall(PAGE.read_text())}


def of_step_loop() -> dict[str, str]:
    """Kinds by name, as a step loop's figures are shown."""
    loop, figures, registry = StepLoop(ScriptedRunner(), lambda: 0.0), EngineFigures(), CollectorRegistry()
    loop.submit(Ask((1, 2), 0, Draw(seed=0), 9), Ear())
    while loop.step():
        pass
    stats = loop.stats()
    figures.note("tts", replace(stats, gauges={**stats.gauges, **of_graphs()}))
    registry.register(figures)
    return {metric.name: metric.type for metric in registry.collect()}


def of_graphs():
    catalogue = GraphCatalogue(CpuLane(), is_eager=True)
    return GraphRunner.gauges(SimpleNamespace(graphs=catalogue, codec_graphs=catalogue, num_eager_prefills=0))


class Ear:
    def take_audio(self, pcm):
        pass

    def take_end(self, sequence):
        pass

    def take_failure(self, error):
        raise error


def test_the_page_lists_all_metrics_of_the_front_and_of_the_step_loop():
    assert metrics.CALLS
    front = {metric.name: metric.type for metric in REGISTRY.collect() if metric.name.startswith("antiphon_")}
    assert listed() == {**front, **of_step_loop()}


def test_every_figure_of_the_step_loop_is_explained_on_the_metrics_page():
    assert {PREFIX + name for name in MEANINGS} == set(of_step_loop())
