"""ModelService: what is installed, how it stands, and what the server is."""

import dataclasses
import time
from importlib.metadata import version
from typing import Any

from antiphon.speech.v1 import model_service_pb2 as pb
from antiphon.speech.v1 import model_service_pb2_grpc as pb_grpc
from antiphon.speech.v1.error_table import ERROR_TABLE
from antiphon_server.config.settings import Limits
from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.engine.roster import Roster
from antiphon_server.engine.spec import Role
from antiphon_server.errors import NotBuilt, UnknownModel
from antiphon_server.rpc.checks import at_most, known_enum
from antiphon_server.rpc.pages import page

_KINDS: dict[Role, pb.ModelKind.ValueType] = {
    "synthesizer": pb.MODEL_KIND_SYNTHESIS,
    "transcriber": pb.MODEL_KIND_TRANSCRIPTION,
    "chat": pb.MODEL_KIND_CHAT,
    "voice_activity": pb.MODEL_KIND_VOICE_ACTIVITY,
}
_STATES = {
    "starting": pb.MODEL_STATE_LOADING,
    "ready": pb.MODEL_STATE_READY,
    "restarting": pb.MODEL_STATE_RESTARTING,
    "failed": pb.MODEL_STATE_NOT_INSTALLED,
    "stopped": pb.MODEL_STATE_INSTALLED,
}
_LOADING = "models are loaded at start; change the settings and start the server again"


class ModelServicer(pb_grpc.ModelServiceServicer):
    """Says what there is."""

    def __init__(self, roster: Roster, limits: Limits) -> None:
        """Note the time of the start."""
        self._roster = roster
        self._limits = limits
        self._started_at_ms = round(time.time() * 1000)

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:  # noqa: ANN401
        """List models of a kind, or all."""
        known_enum("kind", request.kind, pb.ModelKind)
        models = [model for model in self._models() if request.kind in (pb.MODEL_KIND_UNSPECIFIED, model.kind)]
        shown, token = page(models, request.page_size, request.page_token)
        return pb.ListModelsResponse(models=shown, next_page_token=token)

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:  # noqa: ANN401
        """Show one model."""
        at_most("model", request.model, 256, "characters")
        for model in self._models():
            if request.model in (model.id, *model.aliases):
                return pb.GetModelResponse(model=model)
        raise UnknownModel(f"model: there is no model {request.model[:64]!r}", field="model")

    async def LoadModel(self, request: pb.LoadModelRequest, context: Any) -> pb.LoadModelResponse:  # noqa: ANN401
        """Refuse: models are loaded at start."""
        raise NotBuilt(_LOADING)

    async def UnloadModel(self, request: pb.UnloadModelRequest, context: Any) -> pb.UnloadModelResponse:  # noqa: ANN401
        """Refuse: models are loaded at start."""
        raise NotBuilt(_LOADING)

    async def GetServerInfo(self, request: pb.GetServerInfoRequest, context: Any) -> pb.GetServerInfoResponse:  # noqa: ANN401
        """Say what the server is."""
        return pb.GetServerInfoResponse(
            name="antiphon",
            version=version("antiphon"),
            started_at_ms=self._started_at_ms,
            limits=dataclasses.asdict(self._limits),
            error_table=[pb.ErrorTableRow(**row._asdict()) for row in ERROR_TABLE.values()],
        )

    def _models(self) -> list[pb.Model]:
        return [
            self._model(role, standing.info, standing.state, is_default=index == 0)
            for role in _KINDS
            for index, standing in enumerate(self._roster.standings(role))
            if standing.info is not None
        ]

    def _model(self, role: Role, info: EngineInfo, state: str, *, is_default: bool) -> pb.Model:
        return pb.Model(
            id=info.model,
            kind=_KINDS[role],
            state=_STATES[state],
            aliases=self._roster.names_of(info, role, is_default=is_default),
            revision=info.revision,
            owner=info.owner,
            license=info.license,
            languages=info.languages,
            capabilities=pb.ModelCapabilities(
                native_sample_rate_hz=info.sample_rate_hz,
                supports_cloning=info.supports_cloning,
                supports_word_times=info.supports_word_times,
                supports_seed=info.supports_seed,
                supports_sampling=info.supports_sampling,
                supports_instructions=info.supports_instructions,
                supports_translation=info.supports_translation,
                supports_thinking=info.supports_thinking,
                rendered_tags=[f"<|{name}|>" for name in info.rendered_tags],
                max_concurrent_calls=info.max_concurrent_calls,
            ),
            is_default=is_default,
        )
