"""Finish the generated package: __init__ files, py.typed and the error table."""

import json
import sys
from pathlib import Path

HEAD = '"""Generated from proto/error_table.json by scripts/gen; do not edit."""\n'
ROW = """
from typing import NamedTuple


class ErrorRow(NamedTuple):
    \"\"\"One reason a call can fail with, on every transport.\"\"\"

    reason: str
    grpc_code: str
    http_status: int
    http_type: str
    http_code: str
    is_retryable: bool


ERROR_TABLE: dict[str, ErrorRow] = {
"""


def write_error_table(package: Path) -> None:
    rows = json.loads(Path("proto/error_table.json").read_text())
    lines = [f"    {row['reason']!r}: ErrorRow({', '.join(f'{k}={v!r}' for k, v in row.items())}),\n" for row in rows]
    (package / "error_table.py").write_text(HEAD + ROW + "".join(lines) + "}\n")


def main(out: Path) -> None:
    package = out / "antiphon" / "speech" / "v1"
    for folder in (out / "antiphon", out / "antiphon" / "speech", package):
        (folder / "__init__.py").write_text('"""Generated wire types."""\n')
    (out / "antiphon" / "py.typed").touch()
    write_error_table(package)


main(Path(sys.argv[1]))
