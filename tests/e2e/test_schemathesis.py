"""The served document, tried out by schemathesis: thousands of requests that it allows and that it does not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.servers import Server, start_compat

SUPPORT = Path(__file__).parents[1] / "support"
NUM_CASES = 2_000
NUM_EXAMPLES = 145
"""Of each operation at most; operations without input have one case."""
LIMIT_S = 500.0


@pytest.mark.timeout(LIMIT_S + 60)
def test_no_request_makes_the_process_fail_or_answer_otherwise_than_documented(scripted_server: Server, tmp_path: Path):
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(SUPPORT / "schemathesis.toml"), "run"]
    options = ["--seed", "1", "--max-examples", str(NUM_EXAMPLES), "--report-json-path", str(report)]
    compat = start_compat(scripted_server)
    try:
        ran = subprocess.run(
            [*command, *options, f"{compat.http_url}/openapi.json"],
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS_PATH": str(SUPPORT / "schemathesis_hooks.py"), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert compat.is_running()
    finally:
        compat.stop()
    assert ran.returncode == 0, ran.stdout[-8_000:] + ran.stderr[-2_000:]
    found = json.loads(report.read_text())
    assert found["failures"] == found["errors"] == []
    assert found["operations"]["tested"] == found["operations"]["total"]
    assert found["test_cases"]["generated"] >= NUM_CASES
    assert not [line for line in compat.log_lines if '"event": "defect"' in line]
