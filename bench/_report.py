"""Write the tables of docs/performance.md from bench/results/*.json. Usage: bench/_report.py [--check]"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def number(value: float, unit: str) -> str:
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {unit}".strip()


def row(figure: dict[str, Any]) -> str:
    unit = figure["unit"]
    limit = "" if figure["limit"] is None else number(figure["limit"], unit)
    verdict = {None: "", True: "met", False: "**missed**"}[figure["is_met"]]
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
        f"Python {report['python']}, {versions}.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    reports = [json.loads(path.read_text()) for path in sorted((ROOT / "bench" / "results").glob("*.json"))]
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    fresh = f"{head}{BEGIN}\n\n{chr(10).join(map(table, reports))}\n{END}{tail}"
    if "--check" in sys.argv[1:]:
        if fresh != page:
            print("docs/performance.md is not what bench/results say; run bench/_report.py", file=sys.stderr)
        return int(fresh != page)
    PAGE.write_text(fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
