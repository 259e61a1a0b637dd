"""Services that are in the contract and not in this build: they answer UNIMPLEMENTED, and say why."""

from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from antiphon.speech.v1 import (
    consent_service_pb2,
    consent_service_pb2_grpc,
    file_service_pb2,
    file_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
)
from antiphon_server.errors import NotBuilt

_REASONS = {
    "TaskService": "tasks are not built yet; call SynthesizeOnce or Transcribe and wait for the answer",
    "FileService": "files are not stored yet; send audio inside the call",
    "ConsentService": "consents are not stored yet; a voice is cloned for one call, and has no name",
}


def add_not_built(server: Any) -> None:  # noqa: ANN401 - grpc's types
    """Register the services."""
    for wire, stubs, name in (
        (task_service_pb2, task_service_pb2_grpc, "TaskService"),
        (file_service_pb2, file_service_pb2_grpc, "FileService"),
        (consent_service_pb2, consent_service_pb2_grpc, "ConsentService"),
    ):
        base = getattr(stubs, f"{name}Servicer")
        add = getattr(stubs, f"add_{name}Servicer_to_server")
        add(_refusing(base, wire.DESCRIPTOR.services_by_name[name], _REASONS[name])(), server)


def _refusing(base: type, service: ServiceDescriptor, reason: str) -> type:
    async def refuse(self: object, request: Any, context: Any) -> None:  # noqa: ANN401 - grpc's types
        raise NotBuilt(reason)

    return type(f"NotBuilt{service.name}", (base,), {method.name: refuse for method in service.methods})
