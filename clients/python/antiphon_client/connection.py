"""One channel to one server: its options, its credentials, and how calls on it are made and fail."""

import dataclasses
import importlib.resources
from collections.abc import Sequence
from typing import TypeVar

import grpc

from antiphon_client.errors import from_rpc_error
from antiphon_client.retry import RetryPolicy

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
Metadata = tuple[tuple[str, str], ...]
ChannelOption = tuple[str, str | int]

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest message sent or received; the contract's largest field is a 16 MiB clip, checked by the server."""

_ENVELOPE_BYTES = 64 * 1024  # what stands around the largest field
_LOOPBACK = ("localhost", "127.", "[::1]", "ipv4:127.", "ipv6:[::1]", "unix:")


@dataclasses.dataclass(frozen=True, slots=True)
class CallOptions:
    """What concerns one call and not what is asked."""

    timeout_s: float | None = None
    """Seconds for the whole call, retries included; ``None`` leaves it to the service config."""
    request_id: str = ""
    """Sent as ``x-request-id``, so that logs of both sides agree; empty lets the server choose."""
    metadata: Metadata = ()
    """Further metadata, keys in lower case."""


def service_config() -> str:
    """Timeouts and retries by method, as JSON; the same content as ``proto/service_config.json``."""
    return importlib.resources.files("antiphon_client").joinpath("service_config.json").read_text("utf-8")


def channel_options(target: str) -> list[ChannelOption]:
    """Options for a channel to ``target``; proxies are not used for the own machine."""
    options: list[ChannelOption] = [
        ("grpc.service_config", service_config()),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES + _ENVELOPE_BYTES),
        ("grpc.keepalive_time_ms", 30_000),  # voice clients sit behind NATs that forget a silent stream in minutes
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.http2.max_pings_without_data", 0),
        # A window that grows with the bandwidth lets the server run 90 s of speech ahead of a reader that stopped;
        # a fixed one lets it run 2 s ahead, so that a pause or a cancel is felt by the engine.
        ("grpc.http2.bdp_probe", 0),
    ]
    if target.startswith(_LOOPBACK):
        options.append(("grpc.enable_http_proxy", 0))
    return options


class Connection:
    """A channel with the credentials and the retry policy of its client."""

    def __init__(
        self,
        target: str,
        *,
        api_key: str | None,
        credentials: grpc.ChannelCredentials | None,
        retry: RetryPolicy,
        options: Sequence[ChannelOption] = (),
    ) -> None:
        """Open lazily: nothing is sent before the first call."""
        self.target = target
        self.retry = retry
        self._authorization: Metadata = (("authorization", f"Bearer {api_key}"),) if api_key else ()
        merged = list((dict(channel_options(target)) | dict(options)).items())
        if credentials is None:
            self.channel = grpc.aio.insecure_channel(target, options=merged)
        else:
            self.channel = grpc.aio.secure_channel(target, credentials, options=merged)

    def metadata(self, call: CallOptions) -> Metadata:
        """Metadata of one call, credentials included."""
        request_id: Metadata = (("x-request-id", call.request_id),) if call.request_id else ()
        return self._authorization + request_id + call.metadata

    async def unary(
        self, method: grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT], request: RequestT, call: CallOptions
    ) -> ResponseT:
        """Make a unary call.

        Raises:
            AntiphonError: The call failed; reads were already retried by the service config.
        """
        try:
            return await method(request, timeout=call.timeout_s, metadata=self.metadata(call))
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, target=self.target) from error
