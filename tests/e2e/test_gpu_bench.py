"""The stages of the GPU bench on a CPU with a tiny model: that they run, what they leave behind, and how they end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench.gpu.process import import_torch, run_stage
from bench.gpu.results import merge, read
from bench.gpu.setting import Setting
from bench.gpu.stages import BUDGETS_S, STAGES, Stage

ROOT = Path(__file__).parents[2]
ELSEWHERE = {"kernel_times": "kernels need a CUDA device"}
"""Stages that a CPU cannot run, and what they say."""


def bench(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command from another folder, with nothing of ours on the path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(ROOT / "bench/gpu/run.py"), "--out", str(out), *arguments]
    return subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, timeout=400, check=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The results of all stages that are tried here."""
    out = tmp_path_factory.mktemp("gpu-bench")
    done = bench(out, "--device", "cpu", "--size", "tiny", "--budget", "360")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return json.loads((out / "gpu.json").read_text())["stages"]


@pytest.mark.timeout(420)
@pytest.mark.parametrize("name", [stage.name for stage in STAGES])
def test_a_stage_runs_on_a_cpu_and_leaves_figures_or_checks(tiny, name):
    stage = tiny[name]
    if name in ELSEWHERE:
        assert (stage["status"], stage["reason"]) == ("skipped", ELSEWHERE[name])
        return
    assert stage["status"] == "done", stage["reason"]
    assert stage["figures"] or stage["checks"]
    assert [check for check in stage["checks"] if not check["is_met"]] == []
    assert all(figure["n"] >= 1 and figure["median"] == figure["median"] for figure in stage["figures"])
    assert stage["setting"] == {"device": "cpu", "size": "tiny", "seed": 1}
    assert stage["commit"]


def test_clips_have_the_length_that_was_asked_for(tiny):
    closed = [figure for figure in tiny["service"]["figures"] if figure["name"] == "service, closed loop"]
    assert [figure["of"]["calls"] for figure in closed] == [1, 4]
    for figure in closed:
        assert figure["clip_s"] == pytest.approx(17 / 25)
        assert figure["audio_s_per_s"] == pytest.approx(figure["requests_per_s"] * 17 / 25)
        assert figure["first_audio_p50_ms"] < figure["mean_latency_ms"]


def test_the_limit_of_a_step_is_what_it_has_to_read(tiny):
    steps = [figure for figure in tiny["decode"]["figures"] if figure["name"] == "decode step"]
    hidden, inner, heads, kv_heads, dim, layers = 64, 160, 4, 2, 32, 3
    layer = hidden * (heads + 2 * kv_heads) * dim + hidden * heads * dim + 3 * hidden * inner + 2 * hidden + 2 * dim
    weights = 2 * (layers * layer + 8 * 1026 * hidden + hidden)
    per_position = layers * 2 * kv_heads * dim * 2
    for figure in steps:
        assert figure["bytes"] == weights + figure["of"]["bucket"] * 51 * per_position
        assert figure["of_read_limit"] == pytest.approx(figure["limit_ms"] / figure["median"])


def test_a_device_that_is_not_there_is_said_and_nothing_runs_on_another(tmp_path):
    done = bench(tmp_path, "--only", "environment,bandwidth", "--size", "tiny")
    stages = read(tmp_path / "gpu.json")["stages"]
    assert done.returncode == 2
    assert {stage["status"] for stage in stages.values()} == {"skipped"}
    assert "'cuda' needs" in stages["bandwidth"]["reason"]


def test_an_unknown_stage_is_named(tmp_path):
    done = bench(tmp_path, "--only", "bandwith")
    assert done.returncode == 1
    assert "bandwith" in done.stderr


def test_figures_of_a_cpu_do_not_go_where_results_are_published():
    command = [sys.executable, str(ROOT / "bench/gpu/run.py"), "--device", "cpu", "--size", "tiny"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "--out" in done.stderr


def test_deadlines_fit_the_budgets():
    for part in ("A", "B"):
        expected = [stage.expected_s for stage in STAGES if stage.part == part]
        assert sum(expected) <= BUDGETS_S[part]
    assert all(stage.expected_s < stage.deadline_s for stage in STAGES)


def run(path: Path, function: str, limit_s: float = 60.0, **options) -> dict:
    stage = Stage("tried", "A", "", 1, 60, f"support.bench_stages:{function}", tuple(options.items()))
    setting = Setting("cpu", "tiny", 1, path)
    return run_stage(stage, setting, path / "tried.json", {"stage": "tried"}, limit_s=limit_s, seen=lambda: None)


def test_a_stage_that_is_cut_keeps_what_it_had(tmp_path):
    import_torch()
    report = run(tmp_path, "sleeps", limit_s=5.0, num_figures=3)
    assert (report["status"], report["reason"]) == ("cut", "ended after its 5 s")
    assert [figure["median"] for figure in report["figures"]] == [2.0] * 3
    assert json.loads((tmp_path / "tried.json").read_text()) == report


def test_a_stage_that_dies_keeps_what_it_had(tmp_path):
    report = run(tmp_path, "dies")
    assert (report["status"], len(report["figures"])) == ("failed", 1)
    assert "ended with 9" in report["reason"]


@pytest.mark.parametrize(
    ("function", "status", "reason"),
    [
        ("raises", "failed", "upside down"),
        ("lacks", "skipped", "no_such_package"),
        ("refuses", "skipped", "this machine is too small"),
    ],
)
def test_a_stage_says_why_it_did_not_end_well(tmp_path, function, status, reason):
    report = run(tmp_path, function)
    assert report["status"] == status
    assert reason in report["reason"]


def test_a_stage_that_could_not_be_run_does_not_replace_one_that_was(tmp_path):
    file = tmp_path / "gpu.json"
    merge(file, [{"stage": "decode", "status": "done", "figures": [1]}])
    merge(file, [{"stage": "decode", "status": "skipped"}, {"stage": "gemm", "status": "skipped"}])
    assert {name: stage["status"] for name, stage in read(file)["stages"].items()} == {
        "decode": "done",
        "gemm": "skipped",
    }
    merge(file, [{"stage": "decode", "status": "cut", "figures": [2]}])
    assert read(file)["stages"]["decode"]["figures"] == [2]
