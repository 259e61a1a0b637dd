"""What a call reports beside its result, as response headers."""

import json
from collections.abc import Iterable

from antiphon.speech.v1 import report_pb2
from antiphon_compat.errors import param_of

_MAX_HEADER_BYTES = 4000  # common proxies refuse headers from 4 to 8 KiB on


def warnings_header(warnings: Iterable[report_pb2.CallWarning]) -> str:
    """Render warnings as an ASCII JSON array of ``{code, param, message}``; the last are left out where it grows."""
    rendered: list[str] = []
    num_bytes = 2
    for warning in warnings:
        row = {"code": warning_code(warning), "param": param_of(warning.field), "message": warning.message}
        text = json.dumps(row)
        num_bytes += len(text) + 2
        if num_bytes > _MAX_HEADER_BYTES:
            break
        rendered.append(text)
    return f"[{', '.join(rendered)}]"


def warning_code(warning: report_pb2.CallWarning) -> str:
    """Name the code in lower case; a code of a newer server is ``other``."""
    names = report_pb2.WarningCode.DESCRIPTOR.values_by_number
    found = names.get(warning.code)
    return found.name.removeprefix("WARNING_CODE_").lower() if found else "other"


def finish_reason(reason: int) -> str:
    """Name the reason in lower case; a reason of a newer server is ``other``."""
    found = report_pb2.FinishReason.DESCRIPTOR.values_by_number.get(reason)
    return found.name.removeprefix("FINISH_REASON_").lower() if found else "other"


def header_text(text: str) -> str:
    """Make a value that is safe in a header."""
    return "".join(char for char in text if " " <= char <= "~")
