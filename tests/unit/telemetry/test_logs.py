import json
import logging

from prometheus_client import REGISTRY

from antiphon_server.telemetry import metrics
from antiphon_server.telemetry.logs import JsonLines, log


def test_an_event_is_one_line_of_json(caplog):
    with caplog.at_level(logging.INFO, logger="antiphon"):
        log("call_ended", method="M/x", total_ms=1.5, field="a\nb")
    (record,) = caplog.records
    line = record.getMessage()
    assert "\n" not in line
    event = json.loads(line)
    assert (event["event"], event["level"], event["total_ms"], event["field"]) == ("call_ended", "INFO", 1.5, "a\nb")
    assert event["at"] > 1.6e9


def test_a_line_of_a_library_is_one_line_of_json_without_the_words_of_its_exception(caplog):
    try:
        int("what a caller said")
    except ValueError:
        logging.getLogger("library").warning("a\nb %d", 7, exc_info=True)
    log("call_ended", level=logging.WARNING)
    library, ours = (JsonLines().format(record) for record in caplog.records)
    event = json.loads(library)
    assert "\n" not in library
    assert "caller" not in library
    assert (event["event"], event["level"], event["logger"], event["message"]) == (
        "logged",
        "WARNING",
        "library",
        "a\nb 7",
    )
    assert event["error"].startswith("ValueError at test_logs.py:")
    assert json.loads(ours)["event"] == "call_ended"


def test_below_the_level_nothing_is_written(caplog):
    with caplog.at_level(logging.WARNING, logger="antiphon"):
        log("call_ended")
    assert caplog.records == []


def test_every_metric_is_ours_and_says_what_it_is():
    ours = [value for name, value in vars(metrics).items() if name.isupper() and not name.startswith("_")]
    names = {metric.name: metric for metric in REGISTRY.collect() if metric.name.startswith("antiphon_")}
    assert len(names) == len(ours)
    assert all(len(metric.documentation) > 10 for metric in names.values())
