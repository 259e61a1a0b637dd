"""The services of the contract and their methods, as their descriptors tell them."""

from antiphon.speech.v1 import (
    consent_service_pb2,
    conversation_service_pb2,
    file_service_pb2,
    model_service_pb2,
    synthesis_service_pb2,
    task_service_pb2,
    transcription_service_pb2,
    voice_service_pb2,
)

SERVICES = [
    service
    for module in (
        consent_service_pb2,
        conversation_service_pb2,
        file_service_pb2,
        model_service_pb2,
        synthesis_service_pb2,
        task_service_pb2,
        transcription_service_pb2,
        voice_service_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
]
METHODS = {f"{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods}
