"""Write docs/errors.md from the error table, the comments of the contract and the advice of the error classes."""

import json
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from antiphon_server.errors import BY_REASON

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/errors.md"
DESCRIPTORS = ROOT / "proto/gen/python/antiphon/speech/v1/speech.binpb"
ENUM, VALUE = 5, 2  # field numbers of the first enum and of a value, in a source location's path

HEAD = """<!-- Written by scripts/lib/error_page.py from proto/error_table.json; do not edit. -->
# Errors

Every call that fails names one reason of this table, on every transport.

- **gRPC**: the status has `google.rpc.ErrorInfo` with the reason and the domain `antiphon.speech.v1`; `BadRequest`
  names the field; `RetryInfo` says when a retry is worth it.
- **HTTP**: OpenAI's shape, `{"error": {"message", "type", "param", "code"}}`, with `Retry-After` where a retry helps.
- The message names the field, the limit and the value seen. It never holds your text, and nothing of the machine.

| reason | meaning | what to do | gRPC code | HTTP | `type` / `code` | retry |
| --- | --- | --- | --- | --- | --- | --- |
"""


def meanings() -> dict[str, str]:
    """Return the first sentence of the contract's comment on each reason."""
    files = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file
    file = next(file for file in files if file.name.endswith("/error_reason.proto"))
    comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    return {
        value.name.removeprefix("ERROR_REASON_"): " ".join(comments[ENUM, 0, VALUE, at].split()).split(". ")[0]
        for at, value in enumerate(file.enum_type[0].value)
    }


def page() -> str:
    """Return the page as it has to be now."""
    meaning = meanings()
    rows = []
    for row in json.loads((ROOT / "proto/error_table.json").read_text()):
        advice = (BY_REASON[row["reason"]].__doc__ or "").splitlines()[0]
        rows.append(
            f"| {row['reason']} | {meaning[row['reason']].rstrip('.')}. | {advice} | {row['grpc_code']} "
            f"| {row['http_status']} | `{row['http_type']}` / `{row['http_code']}` "
            f"| {'yes' if row['is_retryable'] else 'no'} |\n"
        )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page())
