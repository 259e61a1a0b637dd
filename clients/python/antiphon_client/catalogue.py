"""The unary reads of a server: voices, models, the server itself, and its health."""

from collections.abc import AsyncIterator

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from antiphon.speech.v1.model_service_pb2 import (
    GetModelRequest,
    GetServerInfoRequest,
    GetServerInfoResponse,
    ListModelsRequest,
    Model,
    ModelKind,
)
from antiphon.speech.v1.model_service_pb2_grpc import ModelServiceStub
from antiphon.speech.v1.voice_pb2 import Voice
from antiphon.speech.v1.voice_service_pb2 import GetVoiceRequest, ListVoicesRequest
from antiphon.speech.v1.voice_service_pb2_grpc import VoiceServiceStub
from antiphon_client.connection import CallOptions, Connection

_PAGE_SIZE = 1000


class Catalogue:
    """What a server has to offer."""

    def __init__(self, connection: Connection) -> None:
        """Read over ``connection``."""
        self._connection = connection
        self._voices = VoiceServiceStub(connection.channel)
        self._models = ModelServiceStub(connection.channel)
        self._health = health_pb2_grpc.HealthStub(connection.channel)

    async def voices(self, model: str, language: str, call: CallOptions) -> AsyncIterator[Voice]:
        """Give all voices, page after page."""
        request = ListVoicesRequest(page_size=_PAGE_SIZE, model=model, language=language)
        while True:
            page = await self._connection.unary(self._voices.ListVoices, request, call)
            for voice in page.voices:
                yield voice
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def voice(self, name: str, call: CallOptions) -> Voice:
        """Find one voice by id or alias."""
        answer = await self._connection.unary(self._voices.GetVoice, GetVoiceRequest(voice=name), call)
        return answer.voice

    async def models(self, kind: ModelKind.ValueType, call: CallOptions) -> AsyncIterator[Model]:
        """Give all models, page after page."""
        request = ListModelsRequest(page_size=_PAGE_SIZE, kind=kind)
        while True:
            page = await self._connection.unary(self._models.ListModels, request, call)
            for model in page.models:
                yield model
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def model(self, name: str, call: CallOptions) -> Model:
        """Find one model by id or alias."""
        answer = await self._connection.unary(self._models.GetModel, GetModelRequest(model=name), call)
        return answer.model

    async def server_info(self, call: CallOptions) -> GetServerInfoResponse:
        """Read version, limits and error table."""
        return await self._connection.unary(self._models.GetServerInfo, GetServerInfoRequest(), call)

    async def is_serving(self, service: str, call: CallOptions) -> bool:
        """Ask the health service."""
        check: grpc.aio.UnaryUnaryMultiCallable[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]
        check = self._health.Check
        answer = await self._connection.unary(check, health_pb2.HealthCheckRequest(service=service), call)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
