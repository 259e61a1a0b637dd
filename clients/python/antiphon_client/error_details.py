"""Reads google.rpc error details out of a failed call's trailing metadata."""

from typing import NamedTuple

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "antiphon.speech.v1"
"""Domain of every ErrorInfo of the contract."""

_DETAILS_KEY = "grpc-status-details-bin"
_REQUEST_ID_KEY = "x-request-id"


class ErrorDetails(NamedTuple):
    """The details of one failure; empty where the server sent none."""

    reason: str = ""
    field: str = ""
    retry_after_s: float | None = None
    request_id: str = ""


def read_details(error: grpc.aio.AioRpcError) -> ErrorDetails:
    """Collect reason, field, delay and request id; details of a foreign domain give no reason."""
    trailing = dict(error.trailing_metadata())
    leading = dict(error.initial_metadata())
    request_id = _text(trailing.get(_REQUEST_ID_KEY) or leading.get(_REQUEST_ID_KEY) or "")
    found = ErrorDetails(request_id=request_id)
    raw = trailing.get(_DETAILS_KEY)
    if not isinstance(raw, bytes):
        return found
    status = status_pb2.Status()
    try:
        status.ParseFromString(raw)
    except DecodeError:  # cut by a proxy; the code still says enough
        return found
    for detail in status.details:
        found = _with_detail(found, detail)
    return found


def _with_detail(found: ErrorDetails, detail: any_pb2.Any) -> ErrorDetails:
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry, request = error_details_pb2.RetryInfo(), error_details_pb2.RequestInfo()
    if detail.Unpack(info) and info.domain == DOMAIN:
        return found._replace(reason=info.reason)
    if detail.Unpack(bad) and bad.field_violations:
        return found._replace(field=bad.field_violations[0].field)
    if detail.Unpack(retry) and retry.HasField("retry_delay"):
        return found._replace(retry_after_s=retry.retry_delay.ToTimedelta().total_seconds())
    if detail.Unpack(request) and request.request_id:
        return found._replace(request_id=request.request_id)
    return found


def _text(value: str | bytes) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value
