"""The gRPC front: all services on one server."""

from typing import Any

from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from antiphon.speech.v1 import (
    conversation_service_pb2_grpc,
    model_service_pb2_grpc,
    synthesis_service_pb2_grpc,
    transcription_service_pb2_grpc,
    voice_service_pb2_grpc,
)
from antiphon_server.config.settings import Config
from antiphon_server.engine.admission import Admission
from antiphon_server.engine.roster import Roster
from antiphon_server.engine.spec import Role
from antiphon_server.errors import NotReady
from antiphon_server.rpc.conversation import ConversationServicer
from antiphon_server.rpc.guard import Guard
from antiphon_server.rpc.models import ModelServicer
from antiphon_server.rpc.not_built import add_not_built
from antiphon_server.rpc.reflection import add_reflection
from antiphon_server.rpc.synthesis import SynthesisServicer
from antiphon_server.rpc.transcription import TranscriptionServicer
from antiphon_server.rpc.voices import VoiceServicer
from antiphon_server.session.cloning import CloningDesk

_PACKAGE = "antiphon.speech.v1"
_NEEDS: dict[str, tuple[Role, ...]] = {
    "SynthesisService": ("synthesizer",),
    "VoiceService": ("synthesizer",),
    "TranscriptionService": ("transcriber", "voice_activity"),
    "ConversationService": ("synthesizer", "transcriber", "voice_activity", "chat"),
    "ModelService": (),
}
SERVICES = (
    *(f"{_PACKAGE}.{name}" for name in (*_NEEDS, "TaskService", "FileService", "ConsentService")),
    "grpc.health.v1.Health",
)
_MAX_MESSAGE_BYTES = 17 * 1_048_576
"""Above the largest message the contract allows, so that ours is the error that names the field."""
Status = health_pb2.HealthCheckResponse.ServingStatus


class Front:
    """The server's door. Health first, then calls; going down in the opposite order."""

    def __init__(self, roster: Roster, config: Config) -> None:
        """Build the services; nothing listens before ``start``."""
        limits = config.limits
        self._roster = roster
        self._config = config
        self._doors = {
            "synthesis": Admission("synthesis", limits.max_synthesis_calls),
            "transcription": Admission("transcription", limits.max_transcription_calls, 600.0),
            "conversations": Admission("conversations", limits.max_conversation_calls, 600.0),
        }
        self._health = health_aio.HealthServicer()
        self._server = aio.server(interceptors=(Guard(),), options=_options(config))
        self._add_services()

    async def start(self) -> str:
        """Listen; return HOST:PORT.

        Raises:
            NotReady: If the address cannot be bound.
        """
        host = self._config.listen.rpartition(":")[0]
        try:
            port = self._server.add_insecure_port(self._config.listen)
        except RuntimeError as error:
            raise NotReady(
                f"cannot listen on {self._config.listen}: is the port taken, the host of this machine?"
            ) from error
        await self.show_health()
        await self._server.start()
        return f"{host}:{port}"

    async def show_health(self) -> None:
        """Tell the health service how every model and service stands."""
        ready = {role: self._roster.standing(role).refusal is None for role in _NEEDS["ConversationService"]}
        states = {f"{_PACKAGE}.{name}": all(ready[role] for role in roles) for name, roles in _NEEDS.items()}
        extras: tuple[Role, ...] = ("live_transcriber",)  # a call goes on without it, so it decides nothing here
        for standing in (each for role in (*ready, *extras) for each in self._roster.standings(role)):
            if standing.info:
                states[standing.info.model] = standing.refusal is None
        states[""] = all(ready.values())
        for name, is_serving in states.items():
            await self._health.set(name, Status.SERVING if is_serving else Status.NOT_SERVING)

    def learn(self) -> None:
        """Take the engines' own measurements as the first guess of admission."""
        for door, role in (("synthesis", "synthesizer"), ("transcription", "transcriber")):
            infos = [standing.info for standing in self._roster.standings(role) if standing.info]  # type: ignore[arg-type]
            for info in infos:
                if info.first_output_ms:
                    self._doors[door].measured(info.first_output_ms, info.model)

    async def stop(self, grace_s: float) -> None:
        """Go down: health first, then no new calls, then those in flight inside the grace."""
        for door in self._doors.values():
            door.is_draining = True
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)

    def _add_services(self) -> None:
        roster, limits, server, desk = self._roster, self._config.limits, self._server, CloningDesk()
        synthesis = SynthesisServicer(roster, self._doors["synthesis"], desk, limits)
        synthesis_service_pb2_grpc.add_SynthesisServiceServicer_to_server(synthesis, server)
        transcription = TranscriptionServicer(roster, self._doors["transcription"], limits)
        transcription_service_pb2_grpc.add_TranscriptionServiceServicer_to_server(transcription, server)
        conversation = ConversationServicer(roster, self._doors["conversations"], desk, self._config)
        conversation_service_pb2_grpc.add_ConversationServiceServicer_to_server(conversation, server)
        voice_service_pb2_grpc.add_VoiceServiceServicer_to_server(VoiceServicer(roster), server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelServicer(roster, limits), server)
        add_not_built(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._config.reflection:
            add_reflection(server, SERVICES)


def _options(config: Config) -> list[tuple[str, Any]]:
    return [
        ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ("grpc.max_concurrent_streams", 10_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", config.keepalive_min_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", 0),  # a second server on the same port is refused, not given half of the calls
    ]
