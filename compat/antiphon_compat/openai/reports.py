"""What a call reports beside its result, as response headers."""

import json
from collections.abc import Iterable

from antiphon.speech.v1 import report_pb2
from antiphon_compat.errors import in_callers_words

_MAX_HEADER_BYTES = 4000  # common proxies refuse headers from 4 to 8 KiB on


def warnings_header(warnings: Iterable[report_pb2.CallWarning]) -> str:
    """Render warnings as an ASCII JSON array of ``{code, param, message}``; the last are left out where it grows."""
    rendered: list[str] = []
    num_bytes = 2
    for row in warning_rows(warnings):
        text = json.dumps(row)
        num_bytes += len(text) + 2
        if num_bytes > _MAX_HEADER_BYTES:
            break
        rendered.append(text)
    return f"[{', '.join(rendered)}]"


def warning_rows(warnings: Iterable[report_pb2.CallWarning]) -> list[dict[str, object]]:
    """Render warnings for a JSON body or event; their fields are those of the request."""
    return [
        {"code": warning_code(warning), "param": warning.field or None, "message": warning.message}
        for warning in warnings
    ]


def from_server(warnings: Iterable[report_pb2.CallWarning]) -> list[report_pb2.CallWarning]:
    """Say the server's warnings with the names of the request's fields."""
    found = []
    for warning in warnings:
        param, message = in_callers_words(warning.field, warning.message)
        found.append(report_pb2.CallWarning(code=warning.code, field=param or "", message=message))
    return found


def speech_usage(usage: report_pb2.Usage) -> dict[str, int]:
    """Render what speaking consumed: the model's own token counts, and what every model has.

    A model without tokens counts none; ``input_characters`` and ``output_audio_ms`` are always there.
    """
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "input_characters": usage.input_characters,
        "output_audio_ms": usage.output_audio_ms,
    }


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
