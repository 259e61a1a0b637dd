"""gRPC reflection, v1 and v1alpha: they differ in their package name only, so one servicer answers both."""

from collections.abc import Iterable
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, aio

_V1 = "grpc.reflection.v1.ServerReflection"


def add_reflection(server: Any, services: Iterable[str]) -> None:  # noqa: ANN401 - grpc's types
    """Serve the descriptors of services to grpcurl, buf curl and their like.

    Args:
        server: The server.
        services: Full names.
    """
    servicer = aio.ReflectionServicer((*services, SERVICE_NAME))
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (SERVICE_NAME, _V1):
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}),)
        )
