"""The command: which stages, for how long, and where their results go."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench._harness import RESULTS, end_on_signals
from bench.gpu import results
from bench.gpu.machine import about_run, import_from_here
from bench.gpu.record import CUT, DONE, FAILED, SKIPPED
from bench.gpu.setting import Setting
from bench.gpu.stages import BUDGETS_S, STAGES, Stage

_LEAST_S = 4.0
"""A stage is not begun with less than this left."""


def parser() -> argparse.ArgumentParser:
    """Describe the arguments."""
    made = argparse.ArgumentParser(prog="python3 -m bench.gpu", description=__doc__)
    made.add_argument("--part", choices=("A", "B", "all"), default="all", help="A: correctness. B: figures")
    made.add_argument("--only", metavar="NAMES", default="", help="stages to run, with commas between")
    made.add_argument("--list", action="store_true", help="name the stages and end")
    made.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    made.add_argument("--size", choices=("full", "tiny"), default="full", help="of the model and of all measurements")
    made.add_argument("--out", type=Path, help=f"folder for {results.FILE}; default, on a GPU: bench/results")
    made.add_argument("--budget", type=float, metavar="S", help="seconds for all stages together")
    made.add_argument("--scratch", type=Path, help="folder for a checkpoint of 9.3 GB; default: a temporary one")
    made.add_argument("--wheels", type=Path, help="folder of wheels to use besides what is installed")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--commit", default="", help="of the code, where git cannot say it")
    made.add_argument(
        "--merge", type=Path, metavar="FILE", help="put the stages of another gpu.json into --out and end"
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 if every check held and no stage failed, 1 if not, 2 if no stage could be run at all."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen = parser().parse_args(given)
    if chosen.list:
        for stage in STAGES:
            print(
                f"{stage.part}  {stage.name:14s} {stage.expected_s:4d} s, at most {stage.deadline_s} s  {stage.about}"
            )
        return 0
    stages = _chosen(chosen.part, chosen.only)
    out = chosen.out or RESULTS
    if chosen.merge:
        out.mkdir(parents=True, exist_ok=True)
        results.merge(out / results.FILE, results.read(chosen.merge)["stages"].values())
        return 0
    if chosen.out is None and (chosen.device, chosen.size) != ("cuda", "full"):
        raise SystemExit("a run that only proves the stages needs --out: its figures do not belong to bench/results")
    out.mkdir(parents=True, exist_ok=True)
    end_on_signals()
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-", dir=chosen.scratch) as scratch:
        import_from_here(chosen.wheels, Path(scratch) / "wheels")
        setting = Setting(chosen.device, chosen.size, chosen.seed, Path(scratch))
        budget_s = chosen.budget or BUDGETS_S[chosen.part]
        reports = _run(stages, setting, about_run(given, chosen.commit, _told(setting)), out, budget_s)
    return _summary(reports)


def _chosen(part: str, only: str) -> list[Stage]:
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = sorted(set(names) - {stage.name for stage in STAGES})
    if unknown:
        raise SystemExit(f"--only {', '.join(unknown)}: there is no such stage; --list names them")
    return [stage for stage in STAGES if (stage.name in names if names else part in ("all", stage.part))]


def _told(setting: Setting) -> dict[str, Any]:
    return {"device": setting.device, "size": setting.size, "seed": setting.seed}


def _run(
    stages: Sequence[Stage], setting: Setting, about: dict[str, Any], out: Path, budget_s: float
) -> list[dict[str, Any]]:
    from bench.gpu.process import import_torch, run_stage  # noqa: PLC0415 - what it starts inherits the import path set above

    began_at, reports = time.monotonic(), []
    print(f"torch was imported in {import_torch():.0f} s", flush=True)
    for stage in stages:
        path = setting.scratch / f"{stage.name}.json"
        own = {"stage": stage.name, "part": stage.part, **about}
        limit_s = min(stage.deadline_s, budget_s - (time.monotonic() - began_at))
        print(f"== {time.monotonic() - began_at:4.0f} s  {stage.name}: {stage.about}", flush=True)
        if limit_s < _LEAST_S:
            report = {**own, "status": SKIPPED, "reason": f"no time was left of the {budget_s:.0f} s of this command"}
        else:
            report = run_stage(
                stage,
                setting,
                path,
                own,
                limit_s=limit_s,
                seen=lambda path=path: _gather(out, path),  # type: ignore[misc]
            )
        results.merge(out / results.FILE, [report])
        print(f"   {report['status']}{': ' if report['reason'] else ''}{report['reason']}", flush=True)
        reports.append(report)
    return reports


def _gather(out: Path, path: Path) -> None:
    """Show what a stage has so far; one that has nothing yet does not hide what was measured before."""
    found = results.read(path)
    if found.get("figures") or found.get("checks"):
        results.merge(out / results.FILE, [found])


def _summary(reports: Sequence[dict[str, Any]]) -> int:
    print()
    for report in reports:
        unmet = sum(not check["is_met"] for check in report.get("checks", ()))
        checks = f", {unmet} of {len(report['checks'])} checks NOT MET" if unmet else ""
        print(f"{report['stage']:14s} {report['status']:8s} {report.get('took_s', 0.0):6.1f} s{checks}")
    if not any(report["status"] in (DONE, CUT) for report in reports):
        return 1 if any(report["status"] == FAILED for report in reports) else 2
    is_bad = any(
        report["status"] in (FAILED, CUT) or not all(check["is_met"] for check in report.get("checks", ()))
        for report in reports
    )
    return int(is_bad)
