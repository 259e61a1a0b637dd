"""From the error tree to the wire: google.rpc.Status with ErrorInfo, BadRequest, RetryInfo and RequestInfo."""

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from antiphon.speech.v1.error_table import ERROR_TABLE
from antiphon_server.errors import SpeechError

DOMAIN = "antiphon.speech.v1"
_DEFAULT_RETRY_S = 1.0


def status_code(error: SpeechError) -> grpc.StatusCode:
    """The gRPC code of an error, by the table."""
    return grpc.StatusCode[ERROR_TABLE[error.reason].grpc_code]


def trailers(error: SpeechError, request_id: str) -> tuple[tuple[str, str | bytes], ...]:
    """Trailing metadata of a failed call: the rich status, the request id, and the delay clients' libraries obey."""
    status = rich_status(error, request_id)
    metadata: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", status.SerializeToString()),
        ("x-request-id", request_id),
    ]
    if ERROR_TABLE[error.reason].is_retryable:
        metadata.append(("grpc-retry-pushback-ms", str(round(_retry_s(error) * 1000))))
    elif status_code(error) is grpc.StatusCode.UNAVAILABLE:
        metadata.append(("grpc-retry-pushback-ms", "-1"))
    return tuple(metadata)


def rich_status(error: SpeechError, request_id: str) -> status_pb2.Status:
    """Build the status message."""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if ERROR_TABLE[error.reason].is_retryable:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(round(_retry_s(error) * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    details.append(error_details_pb2.RequestInfo(request_id=request_id))
    return status_pb2.Status(
        code=status_code(error).value[0], message=error.message, details=[_packed(detail) for detail in details]
    )


def _retry_s(error: SpeechError) -> float:
    return _DEFAULT_RETRY_S if error.retry_after_s is None else max(0.0, error.retry_after_s)


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
