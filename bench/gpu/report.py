"""The GPU section of docs/performance.md: ours, the limit, the peer and the targets, from bench/results/gpu.json."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench.gpu.targets import PEER, PEER_ROWS, PEER_SOURCE, TARGETS, Target, find

Results = Mapping[str, Any]
MODES = ("batch_invariant", "fast")
SERVICE_STAGES = {"batch_invariant": "service", "fast": "service_fast"}
NOT_MEASURED = (
    "Not measured on a GPU yet: there is no figure of ours here, only what is aimed at and what others have published."
)


def section(results: Results) -> str:
    """Write the section."""
    gpu = on_gpu(results)
    parts = [_taken(gpu) if gpu["stages"] else NOT_MEASURED + "\n", _targets(gpu), _service(gpu)]
    if gpu["stages"]:
        parts += [_steps(gpu), _others(gpu), _checks(gpu), _stages(gpu)]
    return "\n".join(part for part in parts if part)


def on_gpu(results: Results) -> dict[str, Any]:
    """Leave out what was measured on a CPU, or at a size that proves only that a stage works."""
    stages = {
        name: stage
        for name, stage in results["stages"].items()
        if stage["setting"]["device"] == "cuda" and stage["setting"]["size"] == "full"
    }
    return {**results, "stages": stages}


def pictures(results: Results) -> dict[str, list["Line"]]:
    """The lines of both pictures by name; none without figures of a GPU."""
    gpu = on_gpu(results)
    fraction = [
        (
            f"step, {mode}",
            [
                (figure["of"]["bucket"], 100 * figure["of_read_limit"])
                for figure in _of(gpu, "decode", "decode step", mode=mode)
            ],
        )
        for mode in MODES
    ]
    speech = [
        (f"ours, {mode}", [(figure["of"]["calls"], figure["audio_s_per_s"]) for figure in _clips(gpu, mode)])
        for mode in MODES
    ]
    found = {"fraction": [line for line in fraction if line[1]], "speech": [line for line in speech if line[1]]}
    if found["speech"]:
        found["speech"].append(("sglang-omni on an H100", [(row.calls, row.audio_s_per_s) for row in PEER_ROWS]))
    return {name: lines for name, lines in found.items() if lines}


Line = tuple[str, Sequence[tuple[float, float]]]


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out a table; numbers are right-aligned."""
    lines = [_row(heads), _row(["---", *["---:"] * (len(heads) - 1)]), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def shown(value: float | None, unit: str = "") -> str:
    """Round a number for reading; empty for none."""
    if value is None:
        return ""
    digits = 0 if value == int(value) or abs(value) >= 100 else 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1
    return f"{value:.{digits}f} {unit}".strip()


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _taken(gpu: Results) -> str:
    """Say of what machine and code the figures are."""
    facts = gpu["stages"].get("environment", {}).get("facts", {})
    card, versions = facts.get("gpu", {}), facts.get("versions", {})
    commits = sorted({stage["commit"] for stage in gpu["stages"].values()})
    dates = sorted(stage["at"][:16].replace("T", " ") for stage in gpu["stages"].values())
    commands = sorted({stage["command"] for stage in gpu["stages"].values()})
    clocks = gpu["stages"].get("decode", {}).get("facts", {}).get("clocks_at_work", {})
    machine = next(iter(gpu["stages"].values()))["machine"]
    software = ", ".join(f"{name} {version}" for name, version in versions.items())
    card_now = [clocks.get(field, "unknown") for field in ("clocks.sm", "clocks.mem", "power.draw", "temperature.gpu")]
    told = (
        f"On one {card.get('name') or machine['gpu'] or 'GPU'}, driver {card.get('driver_version', 'unknown')}, ",
        f"power limit {card.get('power.limit', 'unknown')}, {machine['cores']} cores of {machine['cpu']}; ",
        f"{software}.\nAfter the decode steps: SM clock {card_now[0]}, memory clock {card_now[1]}, {card_now[2]}, ",
        f"{card_now[3]} C.\n",
        f"Commit {', '.join(commits)}; {dates[0]} to {dates[-1]} UTC; {', '.join(f'`{one}`' for one in commands)}.\n",
        "Weights are seeded noise of the real sizes; a clip has 106 frames and a cached voice.\n",
    )
    return "".join(told)


def _targets(gpu: Results) -> str:
    def row(target: Target) -> tuple[str, ...]:
        value = target.value(gpu)
        limits = (shown(limit, target.unit) for limit in (target.must, target.goal, target.next))
        verdict = "not measured" if value is None else target.verdict(value)
        return target.name, shown(value, target.unit), *limits, verdict

    heads = ("target, `batch_invariant`", "measured", "must", "goal", "next", "")
    return "### Targets on one H200\n\n" + table(heads, [*map(row, TARGETS), _same_alone(gpu)])


def _same_alone(gpu: Results) -> tuple[str, ...]:
    """The target that is a check: the same codes and samples, at the model's full size."""
    checks = gpu["stages"].get("alone", {}).get("checks", ())
    held = [check["is_met"] for check in checks if check["name"].startswith("alone = among 63")]
    verdict = "not measured" if not held else "must met" if all(held) else "**missed**"
    return "a seeded request alone and among 63 others", "", "the same", "", "", verdict


def _service(gpu: Results) -> str:
    """Closed loop, beside the peer's published table."""
    heads = ["calls at once"]
    for who in ("peer", *(f"ours, {mode}" for mode in MODES if _clips(gpu, mode))):
        heads += [f"requests/s, {who}", f"mean latency, {who}", f"RTF, {who}", f"audio s/s, {who}"]
    own = {mode: {figure["of"]["calls"]: figure for figure in _clips(gpu, mode)} for mode in MODES if _clips(gpu, mode)}
    peer = {row.calls: row for row in PEER_ROWS}
    calls = sorted(peer.keys() | {count for figures in own.values() for count in figures})

    def row(count: int) -> Iterator[str]:
        yield str(count)
        theirs = peer.get(count)
        yield from _four(vars_of(theirs)) if theirs else [""] * 4
        for figures in own.values():
            yield from _four(figures[count]) if count in figures else [""] * 4

    text = f"### Whole service\n\nThe peer is {PEER}; {PEER_SOURCE}. Its hardware is not ours.\n\n"
    return text + table(heads, (list(row(count)) for count in calls))


def vars_of(row: object) -> dict[str, float]:
    """The fields of a row of the peer."""
    return {name: getattr(row, name) for name in type(row).__slots__}  # type: ignore[attr-defined]


def _four(figure: Mapping[str, float]) -> list[str]:
    return [
        shown(figure["requests_per_s"]),
        shown(figure["mean_latency_ms"], "ms"),
        f"{figure['real_time_factor']:.3f}",
        shown(figure["audio_s_per_s"]),
    ]


def _steps(gpu: Results) -> str:
    """Decode steps against the bandwidth limit."""
    rows = []
    for figure in _of(gpu, "decode", "decode step"):
        mode, bucket = figure["of"]["mode"], figure["of"]["bucket"]
        again = find(gpu, "decode", "decode step, A/A", bucket=bucket) if mode == MODES[0] else None
        cost = find(gpu, "decode", "cost of batch_invariant", bucket=bucket) if mode == MODES[0] else None
        rows.append(
            (
                f"{bucket}, {mode}",
                shown(figure["median"], "ms"),
                shown(figure["p95"], "ms"),
                shown(figure["limit_ms"], "ms"),
                f"{100 * figure['of_read_limit']:.0f} %",
                shown(figure["audio_s_per_s"]),
                "" if again is None else f"{again['median']:+.1f} %",
                "" if cost is None else f"{cost['median']:+.1f} %",
            )
        )
    if not rows:
        return ""
    heads = ("rows, mode", "step", "p95", "limit", "of the limit", "audio s/s", "A/A", "cost of the mode")
    speed = find(gpu, "decode", "read bandwidth beside the steps")
    measured = "" if speed is None else f", {speed['median']:.2f} TB/s"
    text = (
        "### Decode step\n\nThe limit is the bytes that a step has to read, divided by the read bandwidth measured in "
        f"the same process{measured}. A/A is the same step timed again.\n\n"
    )
    return text + table(heads, rows)


def _others(gpu: Results) -> str:
    """Everything else, figure by figure."""
    shown_above = {("decode", "decode step"), ("decode", "decode step, A/A"), ("decode", "cost of batch_invariant")}
    rows = []
    for name, stage in gpu["stages"].items():
        for figure in stage.get("figures", ()):
            if (name, figure["name"]) in shown_above or figure["name"] == "time in one kernel":
                continue
            what = ", ".join(f"{key} {value}" for key, value in figure["of"].items())
            more = ", ".join(f"{key} {_more(value)}" for key, value in figure.items() if key not in _USUAL)
            unit = figure["unit"]
            p95 = shown(figure["p95"], unit) if figure["n"] > 1 else ""
            label = f"{name}, {figure['name']}{': ' if what else ''}{what}"
            rows.append((label, shown(figure["median"], unit), p95, more))
    return "### All figures\n\n" + table(("stage, figure", "median", "p95", "more"), rows) if rows else ""


_USUAL = ("name", "of", "unit", "median", "p95", "n")


def _more(value: Any) -> str:
    return shown(value) if isinstance(value, float | int) and not isinstance(value, bool) else str(value)


def _checks(gpu: Results) -> str:
    """What has to hold, and whether it did."""
    found = [check for stage in gpu["stages"].values() for check in stage.get("checks", ())]
    unmet = [check for check in found if not check["is_met"]]
    if not found:
        return ""
    text = f"### Checks\n\n{len(found) - len(unmet)} of {len(found)} hold.\n"
    return text + "".join(f"- **Not met**: {check['name']}; {check['detail']}\n" for check in unmet)


def _stages(gpu: Results) -> str:
    """Stages that were cut, failed or could not be run, and parts that were left out."""
    lines = []
    for name, stage in gpu["stages"].items():
        if stage["status"] != "done":
            reason = stage["reason"].strip().splitlines() or ["the command itself was ended while it ran"]
            lines.append(f"- {name}: {stage['status']}; {reason[-1]}")
        lines += [f"- {name}, {part}: not measured; {reason}" for part, reason in stage.get("not_measured", {}).items()]
    return "### Not measured\n\n" + "\n".join(lines) + "\n" if lines else ""


def _clips(gpu: Results, mode: str) -> list[dict[str, Any]]:
    return _of(gpu, SERVICE_STAGES[mode], "service, closed loop", mode=mode)


def _of(gpu: Results, stage: str, name: str, **of: Any) -> list[dict[str, Any]]:
    return [
        figure
        for figure in gpu["stages"].get(stage, {}).get("figures", ())
        if figure["name"] == name and all(figure["of"].get(key) == value for key, value in of.items())
    ]
