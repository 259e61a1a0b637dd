"""Write the tables of docs/performance.md and the README from bench/results/*.json; --check only compares."""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # this is run as a file

from bench.gpu.page import gpu_section  # noqa: E402 - see above
from bench.gpu.results import PUBLISHED as GPU_RESULTS  # noqa: E402

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
GPU_BEGIN, GPU_END = "<!-- gpu: begin -->", "<!-- gpu: end -->"
PICTURES = ROOT / "docs" / "pictures"
README = ROOT / "README.md"
HEADLINES = (
    ("speech", "first audio, gRPC, two sentences", "text to first audio over gRPC"),
    ("speech", "first audio, HTTP pcm streamed, two sentences", "text to first audio over HTTP"),
    ("speech", "real-time factor end to end, gRPC, 8 sentences", "computing time per second of speech"),
    ("transcript", "TranscribeOnce / library, language given", "5 s clip, against faster-whisper called directly"),
    (
        "throughput",
        "speed, our server / faster-whisper",
        "ten minutes of speech, speed against faster-whisper called directly",
    ),
    ("words", "one call - directly, all languages", "words wrong beyond those of faster-whisper called directly"),
    (
        "listening_streams",
        "settled words: changed afterwards",
        "settled words that changed, 200 utterances in real time",
    ),
    ("listening_streams", "finals, 4 streams: end of speech to final, p95", "end of speech to final, 4 streams, p95"),
    ("voice", "stop to final, stopped after 0.5 s of silence", "voice socket: stop to transcript"),
    ("voice", "stop to first reply audio, stopped after 0.5 s of silence", "voice socket: stop to first reply audio"),
    ("path", "cancel, server to engine stopped (receipt)", "cancel to engine stopped"),
    ("path", "40 ms chunk, at random, 64 streams, p50", "path of a chunk, 64 streams, p50"),
    ("path", "40 ms chunk, at random, 64 streams, p99", "path of a chunk, 64 streams, p99"),
    ("http_front", "first byte, mp3 - pcm, default voice", "first byte of mp3 after that of pcm"),
    ("http_front", "first byte, HTTP pcm - gRPC, engine without work", "first byte over HTTP after that over gRPC"),
    ("http_load", "200 slow downloads, mp3: held by both", "memory of 200 slow mp3 downloads"),
    (
        "http_peers",
        "Kokoro int8, 1 at once, first byte, ours / fastkokoro",
        "first byte of Kokoro's speech, against fastkokoro",
    ),
    (
        "http_peers",
        "Whisper base, 11 s clip, 1 at once, ours / faster-whisper-server",
        "transcript of 11 s, against faster-whisper-server",
    ),
    ("higgs_tiny", "1 at once, first audio, served", "text to first audio, Higgs with tiny weights, over gRPC"),
    ("higgs_tiny", "1 at once, a row, served / bare", "a row of it, against the model alone"),
    ("start", "command to ready line", "command to ready"),
    ("start", "memory of server, engines and compat, sum of RSS", "memory of all processes"),
)
"""Bench, figure, and what the README calls it."""


def number(value: float, unit: str) -> str:
    size = abs(value)
    digits = 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    return f"{value:.{digits}f} {unit}".strip()


def limit_of(figure: dict[str, Any]) -> tuple[str, str]:
    """A figure's limit and whether it was met; both empty where it has none."""
    limit = "" if figure["limit"] is None else number(figure["limit"], figure["unit"])
    limit = f"at least {limit}" if figure.get("is_lower_limit") else limit
    return limit, {None: "", True: "met", False: "**missed**"}[figure["is_met"]]


def row(figure: dict[str, Any]) -> str:
    unit = figure["unit"]
    limit, verdict = limit_of(figure)
    median, p95 = number(figure["median"], unit), number(figure["p95"], unit) if figure["n"] > 1 else ""
    note = f" ({figure['note']})" if figure["note"] else ""
    return f"| {figure['name']}{note} | {median} | {p95} | {limit} | {verdict} | {figure['n']} |"


def table(report: dict[str, Any]) -> str:
    load, machine = report["load_average"], report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    taken = (
        f"`{report['command']}`, {report['at'][:16].replace('T', ' ')} UTC, on {machine['cores']} cores of "
        f"{machine['cpu']}, load average {load['before']:.1f} before and {load['after']:.1f} after, "
        f"commit {report['commit']}{' with local changes' if report['has_local_changes'] else ''}."
    )
    lines = [
        f"### {report['bench']}",
        "",
        taken,
        "",
        "| figure | median | p95 | limit | | n |",
        "| --- | ---: | ---: | ---: | --- | ---: |",
        *(row(figure) for figure in report["figures"]),
        "",
        *(f"Not measured: {part}; {reason}.\n" for part, reason in report.get("skipped", {}).items()),
        f"Python {report['python']}, {versions}.",
        "",
    ]
    return "\n".join(lines)


def headlines(reports: list[dict[str, Any]]) -> str:
    """Write the README's short table."""
    figures = {(report["bench"], figure["name"]): figure for report in reports for figure in report["figures"]}
    machine = reports[0]["machine"]
    lines = [f"On {machine['cores']} cores of {machine['cpu']}, shared with other work; medians.", ""]
    lines += ["| | measured | goal | |", "| --- | ---: | ---: | --- |"]
    for bench, name, label in HEADLINES:
        if found := figures.get((bench, name)):  # a part may have been skipped
            goal, verdict = limit_of(found)
            lines.append(f"| {label} | {number(found['median'], found['unit'])} | {goal} | {verdict.strip('*')} |")
    return "\n".join(lines) + "\n"


def filled(page: str, begin: str, end: str, body: str) -> str:
    """Put a body between two markers of a page."""
    head, _, rest = page.partition(begin)
    return f"{head}{begin}\n\n{body}\n{end}{rest.partition(end)[2]}"


def main() -> int:
    paths = [path for path in sorted((ROOT / "bench" / "results").glob("*.json")) if path != GPU_RESULTS]
    reports = [json.loads(path.read_text()) for path in paths]
    section, pictures = gpu_section(GPU_RESULTS, PICTURES)
    page = filled(PAGE.read_text(), BEGIN, END, "\n".join(map(table, reports)))
    fresh = {
        **pictures,
        PAGE: filled(page, GPU_BEGIN, GPU_END, section),
        README: filled(README.read_text(), "<!-- figures -->", "<!-- /figures -->", headlines(reports)),
    }
    stale = [path for path, text in fresh.items() if not path.exists() or text != path.read_text()]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.name} is not what bench/results say; run bench/_report.py", file=sys.stderr)
        return int(bool(stale))
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(fresh[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
