"""The error table is complete and means the same on every transport."""

import http
import json
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from antiphon.speech.v1 import error_reason_pb2
from antiphon.speech.v1.error_table import ERROR_TABLE, ErrorRow
from antiphon_server import errors

ROOT = Path(__file__).parents[2]
CODES_THAT_ARE_NOT_THE_REASON = {"UNKNOWN_MODEL": "model_not_found"}  # what OpenAI's own clients look for
STATUSES_OUTSIDE_THE_STANDARD = {499}  # nginx's "client closed request"; nobody is left to read it
RETRY_DELAYED = {"RESOURCE_EXHAUSTED", "UNAVAILABLE"}
OPENAI_TYPES = {
    "invalid_request_error": {400, 409, 413},
    "not_found_error": {404},
    "authentication_error": {401},
    "permission_error": {403},
    "rate_limit_error": {429},
    "insufficient_quota": {429},
    "server_error": {499, 500, 501, 502, 503, 504},
}

every_row = pytest.mark.parametrize("row", ERROR_TABLE.values(), ids=lambda row: row.reason)


def reasons_of_the_contract() -> dict[str, str]:
    """Return each reason of the contract, without its prefix, and its comment."""
    files = FileDescriptorSet.FromString((ROOT / "proto/gen/python/antiphon/speech/v1/speech.binpb").read_bytes())
    file = next(file for file in files.file if file.name.endswith("/error_reason.proto"))
    comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    values = file.enum_type[0].value
    found = {entry.name.removeprefix("ERROR_REASON_"): comments[5, 0, 2, at] for at, entry in enumerate(values)}
    del found["UNSPECIFIED"]
    return found


def every_error(root: type[errors.SpeechError] = errors.SpeechError) -> list[type[errors.SpeechError]]:
    """Return the classes below an error, at any depth."""
    return [kind for child in root.__subclasses__() for kind in (child, *every_error(child))]


def test_the_generated_table_is_the_committed_one() -> None:
    rows = json.loads((ROOT / "proto/error_table.json").read_text())
    assert [ErrorRow(**row) for row in rows] == list(ERROR_TABLE.values())
    assert [row["reason"] for row in rows] == list(ERROR_TABLE)


def test_every_reason_of_the_contract_has_a_row_and_every_row_a_reason() -> None:
    names = {entry.name.removeprefix("ERROR_REASON_") for entry in error_reason_pb2.ErrorReason.DESCRIPTOR.values}
    assert set(ERROR_TABLE) == names - {"UNSPECIFIED"}


def test_every_error_of_the_server_has_a_row_and_every_row_an_error() -> None:
    kinds = every_error()
    reasons = [kind.reason for kind in kinds]
    assert sorted(reasons) == sorted(ERROR_TABLE)  # lists: a reason used twice is found too
    assert {kind.reason: kind for kind in kinds} == errors.BY_REASON


def test_every_error_of_the_server_is_in_the_drawn_tree() -> None:
    drawn = (errors.__doc__ or "").replace(",", " ").split()
    assert [kind.__name__ for kind in every_error() if kind.__name__ not in drawn] == []


@every_row
def test_the_grpc_code_exists(row: ErrorRow) -> None:
    assert row.grpc_code in grpc.StatusCode.__members__
    assert row.grpc_code != "OK"


@every_row
def test_the_http_code_is_the_reason_in_lower_case(row: ErrorRow) -> None:
    assert row.http_code == CODES_THAT_ARE_NOT_THE_REASON.get(row.reason, row.reason.lower())


@every_row
def test_the_http_status_exists_and_fits_its_type(row: ErrorRow) -> None:
    assert row.http_status in STATUSES_OUTSIDE_THE_STANDARD or http.HTTPStatus(row.http_status) >= 400
    assert row.http_status in OPENAI_TYPES[row.http_type]


@every_row
def test_only_what_may_pass_is_retryable(row: ErrorRow) -> None:
    if row.is_retryable:
        assert row.http_status == 429 or row.http_status >= 500
        assert row.grpc_code in RETRY_DELAYED | {"INTERNAL"}


@every_row
def test_the_comment_in_the_contract_says_the_same(row: ErrorRow) -> None:
    comment = reasons_of_the_contract()[row.reason]
    assert row.grpc_code in comment
    assert ("Retry" in comment.replace("RetryInfo", "")) is row.is_retryable  # the others say "Do not retry"
