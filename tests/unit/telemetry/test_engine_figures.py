"""Readings of engines as the page that Prometheus fetches."""

import logging

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from antiphon_server.engine.stats import Distribution, EngineStats
from antiphon_server.telemetry.engine_figures import EngineFigures


@pytest.fixture
def figures():
    return EngineFigures()


def page(figures):
    """All samples by name and labels, through Prometheus' own format."""
    registry = CollectorRegistry()
    registry.register(figures)
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    assert len({family.name for family in families}) == len(families)
    assert all(len(family.documentation) > 10 for family in families)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_counters_gauges_and_distributions_are_shown_with_their_engine(figures):
    steps = Distribution((1.0, 2.5), (3, 2, 1), 12.5)
    figures.note("tts", EngineStats({"underrun_seconds": 1.5}, {"running": 2}, {"step_ms": steps}))
    assert page(figures) == {
        ("antiphon_engine_underrun_seconds_total", "tts"): 1.5,
        ("antiphon_engine_running", "tts"): 2,
        ("antiphon_engine_step_ms_bucket", "tts", "1.0"): 3,
        ("antiphon_engine_step_ms_bucket", "tts", "2.5"): 5,
        ("antiphon_engine_step_ms_bucket", "tts", "+Inf"): 6,
        ("antiphon_engine_step_ms_count", "tts"): 6,
        ("antiphon_engine_step_ms_sum", "tts"): 12.5,
    }


def test_blocks_and_ends_of_sequences_are_one_metric_each_with_a_label(figures):
    ends = {"sequences_stop": 4, "sequences_failed": 1}
    figures.note("tts", EngineStats(counters=ends, gauges={"blocks_free": 5, "blocks_held": 3}))
    assert page(figures) == {
        ("antiphon_engine_blocks", "tts", "free"): 5,
        ("antiphon_engine_blocks", "tts", "held"): 3,
        ("antiphon_engine_sequences_total", "tts", "stop"): 4,
        ("antiphon_engine_sequences_total", "tts", "failed"): 1,
    }


def test_a_later_reading_takes_the_place_of_the_first_also_when_it_is_lower(figures):
    for steps in (9.0, 1.0):
        figures.note("tts", EngineStats({"steps": steps}))
    assert page(figures) == {("antiphon_engine_steps_total", "tts"): 1.0}


def test_two_engines_share_a_metric(figures):
    figures.note("tts", EngineStats(gauges={"running": 1}))
    figures.note("second_tts", EngineStats(gauges={"running": 2}))
    assert page(figures) == {("antiphon_engine_running", "tts"): 1, ("antiphon_engine_running", "second_tts"): 2}


def test_one_name_of_two_kinds_spoils_no_page(figures):
    figures.note("tts", EngineStats(gauges={"running": 1}))
    figures.note("second_tts", EngineStats(counters={"running": 2}))
    assert page(figures) == {("antiphon_engine_running", "tts"): 1}


@pytest.mark.parametrize("name", ["ready", "restarts", "Ünsafe", "a b", "", "1st", 'x{y="z"}'])
def test_a_name_that_cannot_be_shown_is_left_out_and_logged_once(figures, caplog, name):
    with caplog.at_level(logging.INFO, logger="antiphon"):
        for _ in range(3):
            figures.note("tts", EngineStats(counters={name: 1}, gauges={"running": 1}))
    assert page(figures) == {("antiphon_engine_running", "tts"): 1}
    assert len(caplog.records) == 1
    assert "engine_figure_refused" in caplog.records[0].getMessage()


def test_a_distribution_without_all_its_counts_is_left_out_and_logged_once(figures, caplog):
    with caplog.at_level(logging.INFO, logger="antiphon"):
        for _ in range(3):
            figures.note("tts", EngineStats({}, {"running": 1}, {"step_ms": Distribution((1.0, 2.5), (3, 2), 12.5)}))
    assert page(figures) == {("antiphon_engine_running", "tts"): 1}
    assert len(caplog.records) == 1


def test_before_the_first_reading_there_is_nothing(figures):
    assert page(figures) == {}
