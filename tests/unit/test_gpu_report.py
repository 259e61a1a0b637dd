"""The GPU's section of the report: its arithmetic, what it leaves out, and what it says where nothing was measured."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from bench.gpu.page import gpu_section
from bench.gpu.pictures import chart
from bench.gpu.record import write_json
from bench.gpu.report import NOT_MEASURED, on_gpu, pictures, section
from bench.gpu.targets import TARGETS

NOTHING = {"bench": "gpu", "stages": {}}


def figure(name, median, unit="ms", of=None, **more):
    return {"name": name, "of": of or {}, "unit": unit, "median": median, "p95": median * 1.1, "n": 5, **more}


def stage(name, *figures, device="cuda", size="full", **more):
    return {
        "stage": name, "part": "B", "at": "2030-01-02T03:04:05+00:00", "command": "bench.gpu", "commit": "abc",
        "setting": {"device": device, "size": size, "seed": 1},
        "machine": {"cpu": "a processor", "cores": 4, "python": "3.12", "system": "x", "gpu": "a card"},
        "status": "done", "reason": "", "facts": {}, "checks": [], "not_measured": {}, "figures": list(figures), **more,
    }  # fmt: skip


def step(bucket, ms, limit_ms, mode="batch_invariant"):
    return figure(
        "decode step", ms, of={"mode": mode, "bucket": bucket}, bytes=1, limit_ms=limit_ms,
        of_read_limit=limit_ms / ms, audio_s_per_s=bucket * 40 / ms,
    )  # fmt: skip


def spoken(calls, audio_s_per_s, factor, first_ms=50.0):
    return figure(
        "service, closed loop", 400.0, of={"mode": "batch_invariant", "calls": calls}, requests=9, requests_per_s=3.0,
        mean_latency_ms=400.0, real_time_factor=factor, audio_s_per_s=audio_s_per_s, first_audio_p50_ms=first_ms,
        first_audio_p95_ms=first_ms, underruns=0, clip_s=4.24,
    )  # fmt: skip


def listened(calls, times_real_time):
    of = {"mode": "batch_invariant", "calls": calls}
    return figure("listening, closed loop", 150.0, of=of, clips=10, clip_s=30.0, times_real_time=times_real_time)


@pytest.fixture
def measured():
    """Results as a GPU might leave them: numbers made up for this test."""
    aa = figure("decode step, A/A", -0.5, "%", {"bucket": 1}, again_ms=2.4)
    cost = figure("cost of batch_invariant", 12.0, "%", {"bucket": 1})
    opened = {"first_audio_p95_ms": 130.0, "underruns": 2}
    stages = [
        stage("decode", step(1, 2.5, 1.75), step(16, 3.0, 2.1), step(64, 6.0, 3.0), aa, cost,
              facts={"clocks_at_work": {"clocks.sm": "1980 MHz"}}),
        stage("service", spoken(1, 14.0, 0.07), spoken(16, 150.0, 0.2), spoken(64, 100.0, 0.6),
              figure("service, open loop", 500.0, of={"mode": "batch_invariant", "per_s": 10.0}, **opened)),
        stage("listening", listened(1, 200.0), listened(32, 1400.0)),
        stage("alone", checks=[{"name": "alone = among 63 others, bfloat16", "is_met": False, "detail": "row 3"}]),
        stage("codec", status="running"),
        stage("codec", status="running"),
        stage("wire", status="skipped", reason="the packages grpc_health are not installed"),
        stage("gemm", figure("all products of a step", 2.0), device="cpu", size="tiny"),
    ]  # fmt: skip
    return {"bench": "gpu", "stages": {one["stage"]: one for one in stages}}


def row_of(text, begin):
    return next(line for line in text.splitlines() if line.startswith(f"| {begin}"))


def cells(text, begin):
    return [cell.strip() for cell in row_of(text, begin).strip("|").split("|")]


def test_without_a_gpu_it_says_so_and_shows_no_figure_of_ours():
    text = section(NOTHING)
    assert NOT_MEASURED in text
    assert text.count("not measured") == len(TARGETS) + 1
    assert "| 16 | 14.7 | 1079 ms | 0.262 | 61.8 |" in text
    assert "ours, " not in text
    assert pictures(NOTHING) == {}


def test_what_a_cpu_measured_is_no_figure_of_a_gpu():
    on_cpu = {"bench": "gpu", "stages": {"decode": stage("decode", step(1, 1.0, 0.5), device="cpu", size="tiny")}}
    assert section(on_cpu) == section(NOTHING)
    assert pictures(on_cpu) == {}
    on_cpu["stages"]["decode"]["setting"] = {"device": "cuda", "size": "tiny", "seed": 1}
    assert on_gpu(on_cpu)["stages"] == {}


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("decode step, 1 at once", "2.50 ms", "goal met"),
        ("decode step, 16 at once", "3 ms", "must met"),
        ("decode step, 64 at once", "6 ms", "**missed**"),
        ("real-time factor, 1 at once", "0.070 s/s", "goal met"),
        ("speech a second, 16 at once", "150 s/s", "must met"),
        ("speech a second, 64 at once", "100 s/s", "**missed**"),
        ("first audio, p50, 1 at once", "50 ms", "must met"),
        ("first audio, p95, 10 requests a second", "130 ms", "**missed**"),
        ("underruns, 10 requests a second", "2", "**missed**"),
        ("underruns, 1 request a second", "", "not measured"),
        ("cost of the mode, 1 at once", "12 %", "**missed**"),
        ("listening, clips of 30 s, 1 at once", "200 x", "must met"),
        ("listening, clips of 30 s, 32 at once", "1400 x", "**missed**"),
        ("a seeded request alone and among 63 others", "", "**missed**"),
    ],
)
def test_a_target_is_held_against_what_was_measured(measured, name, value, verdict):
    found = cells(section(measured), name)
    assert (found[1], found[-1]) == (value, verdict)


def test_ours_stands_beside_the_peer_at_the_same_number_of_calls(measured):
    text = section(measured)
    assert cells(text, "16 |")[:9] == ["16", "14.7", "1079 ms", "0.262", "61.8", "3", "400 ms", "0.200", "150"]
    assert cells(text, "64 |") == ["64", "", "", "", "", "3", "400 ms", "0.600", "100"]
    assert cells(text, "2 |") == ["2", "2.70", "742 ms", "0.180", "11.4", "", "", "", ""]


def test_a_step_is_shown_as_a_part_of_its_limit(measured):
    found = cells(section(measured), "1, batch_invariant")
    assert found == ["1, batch_invariant", "2.50 ms", "2.75 ms", "1.75 ms", "70 %", "16", "-0.5 %", "+12.0 %"]


def test_what_was_not_measured_is_named_with_its_reason(measured):
    text = section(measured)
    assert "- wire: skipped; the packages grpc_health are not installed" in text
    assert "- codec: running; the command itself was ended while it ran" in text
    assert "- codec: running; the command itself was ended while it ran" in text
    assert "**Not met**: alone = among 63 others, bfloat16; row 3" in text
    assert "all products of a step" not in text
    assert "SM clock 1980 MHz" in text


def test_pictures_hold_the_points_and_the_page_links_to_them(measured, tmp_path: Path):
    lines = pictures(measured)
    assert lines["fraction"] == [("step, batch_invariant", [(1, pytest.approx(70)), (16, pytest.approx(70)), (64, 50)])]
    assert [name for name, _ in lines["speech"]] == ["ours, batch_invariant", "sglang-omni on an H100"]
    write_json(tmp_path / "gpu.json", measured)
    text, drawn = gpu_section(tmp_path / "gpu.json", tmp_path / "pictures")
    assert {path.name for path in drawn} == {"gpu_fraction.svg", "gpu_speech.svg"}
    assert all(f"](pictures/{path.name})" in text for path in drawn)
    for content in drawn.values():
        assert ElementTree.fromstring(content).tag.endswith("svg")


def test_a_chart_puts_larger_values_higher():
    drawn = ElementTree.fromstring(chart("a < b", "at once", "percent", [("one", [(1, 20), (64, 80)])], most=100))
    points = next(part.attrib["points"] for part in drawn.iter() if part.tag.endswith("polyline"))
    (left, low), (right, high) = (map(float, point.split(",")) for point in points.split())
    assert left < right
    assert low > high
    assert drawn.attrib["aria-label"] == "a < b"
