"""What a call can fail with, sorted by what the caller does next.

AntiphonError
├── BadRequest            change the request; ``field`` names what to change
├── NotFound              choose an id, voice or model that exists
├── AccessDenied          send other credentials, or ask for more rights or quota
├── Overloaded            wait ``retry_after_s``, then call again
│   └── RateLimited       the same, because this caller sends too often
├── Unavailable           call again soon, or another server
│   └── ConnectionFailed  no server answers at this address
├── DeadlineExceeded      allow more time
├── Cancelled             nothing; the call was cancelled
├── ServerFailed          call again; quote ``request_id`` if it stays
└── NotBuilt              this server does not have the feature

``reason`` is always one of the contract's error table, also where the network failed and no server spoke.
"""

import grpc
from grpc import StatusCode

from antiphon.speech.v1.error_table import ERROR_TABLE
from antiphon_client.error_details import ErrorDetails, read_details


class AntiphonError(Exception):
    """Root of everything a call can fail with."""

    def __init__(
        self,
        message: str,
        *,
        reason: str = "INTERNAL",
        field: str = "",
        retry_after_s: float | None = None,
        request_id: str = "",
        grpc_code: StatusCode = StatusCode.UNKNOWN,
    ) -> None:
        """Keep what the server told.

        Args:
            message: One sentence that says what to change.
            reason: A reason of ``antiphon.speech.v1.error_table.ERROR_TABLE``.
            field: Path of the request field it is about; empty if none.
            retry_after_s: Seconds the server asks to wait; ``None`` if it did not ask.
            request_id: Id of the call in the server's log; empty if no server answered.
            grpc_code: Status of the call.
        """
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.field = field
        self.retry_after_s = retry_after_s
        self.request_id = request_id
        self.grpc_code = grpc_code

    @property
    def is_retryable(self) -> bool:
        """Whether the same call may succeed later, by the error table."""
        return ERROR_TABLE[self.reason].is_retryable


class BadRequest(AntiphonError):
    """Change the request; ``field`` names what to change."""


class NotFound(AntiphonError):
    """Choose an id, voice or model that exists and is installed."""


class AccessDenied(AntiphonError):
    """Send other credentials, or ask for more rights or quota."""


class Overloaded(AntiphonError):
    """Wait ``retry_after_s``, then call again; all places are taken."""


class RateLimited(Overloaded):
    """Wait ``retry_after_s``, then call less often."""


class Unavailable(AntiphonError):
    """Call again soon, or call another server."""


class ConnectionFailed(Unavailable):
    """Start a server, or correct the address: nothing answers there."""


class DeadlineExceeded(AntiphonError):
    """Allow more time."""


class Cancelled(AntiphonError):
    """Nothing to do; the call was cancelled."""


class ServerFailed(AntiphonError):
    """Call again, and quote ``request_id`` if it stays."""


class NotBuilt(AntiphonError):
    """Use another server or a later version: this one does not have the feature."""


_BY_CODE: dict[str, type[AntiphonError]] = {
    "INVALID_ARGUMENT": BadRequest,
    "OUT_OF_RANGE": BadRequest,
    "ALREADY_EXISTS": BadRequest,
    "NOT_FOUND": NotFound,
    "FAILED_PRECONDITION": NotFound,
    "UNAUTHENTICATED": AccessDenied,
    "PERMISSION_DENIED": AccessDenied,
    "UNAVAILABLE": Unavailable,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "CANCELLED": Cancelled,
    "INTERNAL": ServerFailed,
    "UNIMPLEMENTED": NotBuilt,
}
# RESOURCE_EXHAUSTED means three different things to a caller.
_EXHAUSTED: dict[str, type[AntiphonError]] = {
    "BODY_TOO_LARGE": BadRequest,
    "OVERLOADED": Overloaded,
    "RATE_LIMITED": RateLimited,
    "QUOTA_EXCEEDED": AccessDenied,
}

BY_REASON: dict[str, type[AntiphonError]] = {
    row.reason: _EXHAUSTED.get(row.reason) or _BY_CODE[row.grpc_code] for row in ERROR_TABLE.values()
}
"""Exception class of every reason of the contract."""

# For statuses without our details: they come from grpc itself, a proxy or a foreign server.
_REASON_BY_CODE: dict[StatusCode, str] = {
    StatusCode.INVALID_ARGUMENT: "INVALID_FIELD",
    StatusCode.OUT_OF_RANGE: "INVALID_FIELD",
    StatusCode.FAILED_PRECONDITION: "MODEL_NOT_INSTALLED",
    StatusCode.NOT_FOUND: "NOT_FOUND",
    StatusCode.ALREADY_EXISTS: "CONFLICT",
    StatusCode.UNAUTHENTICATED: "UNAUTHENTICATED",
    StatusCode.PERMISSION_DENIED: "PERMISSION_DENIED",
    StatusCode.RESOURCE_EXHAUSTED: "OVERLOADED",
    StatusCode.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    StatusCode.UNIMPLEMENTED: "NOT_BUILT",
}

_BROKEN = ("Socket closed", "recvmsg:", "Broken pipe")
"""How grpc's core begins to tell of a connection that was there and is lost."""


def from_rpc_error(error: grpc.aio.AioRpcError, *, target: str = "", was_answered: bool = False) -> AntiphonError:
    """Translate what grpc raised, from the server's details where it sent any.

    Args:
        error: The failed call.
        target: Address that was called, for the message when nothing answers.
        was_answered: Whether the call had a response before it failed.
    """
    details = read_details(error)
    if details.reason in BY_REASON:
        message = error.details() or details.reason
        return _make(BY_REASON[details.reason], message, details=details, code=error.code())
    if error.code() is StatusCode.UNAVAILABLE:
        reached = was_answered or len(error.initial_metadata()) > 0 or (error.details() or "").startswith(_BROKEN)
        return _not_connected(error, details, target=target, was_reached=reached)
    if error.code() is StatusCode.CANCELLED:
        # A local cancel raises asyncio.CancelledError instead, so this stream was cut: its server was killed.
        message = f"The server at {target or 'the other end'} went away during the call."
        return _make(Unavailable, message, details=details._replace(reason="NOT_READY"), code=error.code())
    reason = _REASON_BY_CODE.get(error.code(), "INTERNAL")
    message = error.details() or error.code().name
    if reason == "OVERLOADED" and "larger than max" in message:
        reason = "BODY_TOO_LARGE"  # grpc's own limit on a message; it carries no details to tell it by
    return _make(BY_REASON[reason], message, details=details._replace(reason=reason), code=error.code())


def _not_connected(
    error: grpc.aio.AioRpcError, details: ErrorDetails, *, target: str, was_reached: bool
) -> AntiphonError:
    """Tell a server that was never reached from one that was lost."""
    where = target or "the given address"
    if was_reached:
        kind: type[AntiphonError] = Unavailable
        message = f"The connection to the server at {where} was lost during the call."
    else:
        kind = ConnectionFailed
        cause = (error.details() or "no answer").rsplit(": ", 1)[-1]
        message = f"No server answers at {where} ({cause}). Start one with `antiphon up`, or correct the address."
    return _make(kind, message, details=details._replace(reason="NOT_READY"), code=error.code())


def _make(kind: type[AntiphonError], message: str, *, details: ErrorDetails, code: StatusCode) -> AntiphonError:
    return kind(
        message,
        reason=details.reason,
        field=details.field,
        retry_after_s=details.retry_after_s,
        request_id=details.request_id,
        grpc_code=code,
    )
