"""What a caller is told when a call fails: by the server, by grpc itself, or by nobody."""

import grpc
import pytest
from client_stubs.scripted_server import failing, rich_status, scripted_server, started
from google.rpc import status_pb2
from grpc import StatusCode

from antiphon.speech.v1.error_table import ERROR_TABLE
from antiphon_client import (
    AccessDenied,
    AntiphonClient,
    AntiphonError,
    BadRequest,
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    NotBuilt,
    NotFound,
    Overloaded,
    RateLimited,
    RetryPolicy,
    ServerFailed,
    Unavailable,
    errors,
    from_rpc_error,
)

NO_RETRY = RetryPolicy(max_retries=0)


async def failure_of(*behaviours) -> AntiphonError:
    """What opening a synthesis raises."""
    async with scripted_server(*behaviours) as server, AntiphonClient(server.target, retry=NO_RETRY) as client:
        with pytest.raises(AntiphonError) as raised:
            await read_all(client)
    return raised.value


async def read_all(client: AntiphonClient) -> None:
    async with client.synthesize() as stream:
        async for _ in stream:
            pass


@pytest.mark.parametrize("row", ERROR_TABLE.values(), ids=lambda row: row.reason)
async def test_every_reason_arrives_with_its_details(row):
    status = rich_status(StatusCode[row.grpc_code], row.reason, field="config.voice", retry_after_s=1.5)
    error = await failure_of(failing(status))
    assert type(error) is errors.BY_REASON[row.reason]
    assert (error.reason, error.field, error.retry_after_s) == (row.reason, "config.voice", 1.5)
    assert (error.message, str(error), error.request_id) == ("told so", "told so", "req-1")
    assert error.grpc_code is StatusCode[row.grpc_code]
    assert error.is_retryable is row.is_retryable


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("UNKNOWN_VOICE", BadRequest),
        ("BODY_TOO_LARGE", BadRequest),
        ("UNKNOWN_MODEL", NotFound),
        ("MODEL_NOT_INSTALLED", NotFound),
        ("QUOTA_EXCEEDED", AccessDenied),
        ("OVERLOADED", Overloaded),
        ("RATE_LIMITED", RateLimited),
        ("ENGINE_RESTARTING", Unavailable),
        ("DEADLINE_TOO_SHORT", DeadlineExceeded),
        ("CANCELLED", Cancelled),
        ("ENGINE_FAILED", ServerFailed),
        ("NOT_BUILT", NotBuilt),
    ],
)
def test_errors_are_sorted_by_what_a_caller_does_next(reason, kind):
    assert errors.BY_REASON[reason] is kind


@pytest.mark.parametrize("code", [code for code in StatusCode if code is not StatusCode.OK])
def test_a_status_without_details_still_gives_a_reason_of_the_table(code):
    error = from_rpc_error(rpc_error(code, "proxy says no"))
    assert error.reason in ERROR_TABLE
    assert error.grpc_code is code


def test_a_stream_cut_by_a_killed_server_can_be_retried():
    error = from_rpc_error(rpc_error(StatusCode.CANCELLED, "Stream removed (RST_STREAM code 8)"))
    assert type(error) is Unavailable
    assert error.is_retryable


def test_a_message_over_grpcs_own_limit_is_the_callers_to_change():
    error = from_rpc_error(
        rpc_error(StatusCode.RESOURCE_EXHAUSTED, "SERVER: Received message larger than max (9 vs. 4)")
    )
    assert (type(error), error.reason) == (BadRequest, "BODY_TOO_LARGE")


def test_reasons_of_another_domain_are_not_ours():
    status = rich_status(StatusCode.NOT_FOUND, "UNKNOWN_VOICE", domain="example.org")
    error = from_rpc_error(rpc_error(StatusCode.NOT_FOUND, "no", status=status))
    assert error.reason == "NOT_FOUND"


def test_details_cut_on_the_way_leave_the_code():
    error = from_rpc_error(rpc_error(StatusCode.UNAUTHENTICATED, "no key", raw=b"\x12\xff"))
    assert (type(error), error.message) == (AccessDenied, "no key")


async def test_nobody_at_the_address_says_where_and_what_to_start():
    async with AntiphonClient("127.0.0.1:1", retry=NO_RETRY) as client:
        with pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1:1 .*antiphon up") as raised:
            await client.server_info()
    assert raised.value.request_id == ""


async def test_a_server_lost_in_the_middle_is_not_a_wrong_address():
    async def dies(requests, context):
        yield started()
        await context.abort(StatusCode.UNAVAILABLE, "Socket closed")

    error = await failure_of(dies)
    assert type(error) is Unavailable
    assert "lost during the call" in error.message
    assert error.is_retryable


@pytest.mark.parametrize("details", ["Socket closed", "recvmsg:Connection reset by peer"])
def test_a_connection_that_breaks_before_the_first_response_is_not_a_wrong_address(details):
    error = from_rpc_error(rpc_error(StatusCode.UNAVAILABLE, details))
    assert type(error) is Unavailable
    assert "lost during the call" in error.message


async def test_a_server_without_the_method_has_not_built_it():
    async with scripted_server() as server, AntiphonClient(server.target) as client:
        with pytest.raises(NotBuilt):
            await client.server_info()


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = {line.split()[-1] if "──" not in line else line.split("── ")[1].split()[0] for line in tree_lines()}
    assert drawn == {kind.__name__ for kind in all_kinds(AntiphonError)}


def tree_lines() -> list[str]:
    lines = (errors.__doc__ or "").splitlines()
    return [line for line in lines if "──" in line or line == "AntiphonError"]


def all_kinds(root: type[AntiphonError]) -> set[type[AntiphonError]]:
    return {root}.union(*(all_kinds(kind) for kind in root.__subclasses__()))


def rpc_error(
    code: StatusCode, details: str, *, status: status_pb2.Status | None = None, raw: bytes | None = None
) -> grpc.aio.AioRpcError:
    payload = status.SerializeToString() if status else raw
    trailing = grpc.aio.Metadata(*([("grpc-status-details-bin", payload)] if payload else []))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details=details)
