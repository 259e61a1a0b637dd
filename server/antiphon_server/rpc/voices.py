"""VoiceService: the voices of the installed models."""

from typing import Any

from antiphon.speech.v1 import voice_pb2
from antiphon.speech.v1 import voice_service_pb2 as pb
from antiphon.speech.v1 import voice_service_pb2_grpc as pb_grpc
from antiphon_server.engine.protocol import EngineInfo, EngineVoice
from antiphon_server.engine.roster import Roster
from antiphon_server.errors import NotBuilt, NotFound, UnknownVoice
from antiphon_server.rpc.checks import at_most
from antiphon_server.rpc.pages import page
from antiphon_server.text.language_tag import primary_subtag

_STORED = "voices of your own cannot be stored yet; send a reference with each call"


class VoiceServicer(pb_grpc.VoiceServiceServicer):
    """Lists voices."""

    def __init__(self, roster: Roster) -> None:
        """Keep the roster."""
        self._roster = roster

    async def ListVoices(self, request: pb.ListVoicesRequest, context: Any) -> pb.ListVoicesResponse:  # noqa: ANN401
        """List voices, filtered."""
        spoken = primary_subtag(request.language)
        voices = [
            self._voice(voice, info)
            for info in self._infos(request.model)
            for voice in info.voices
            if not spoken or spoken in set(map(primary_subtag, voice.languages))
        ]
        shown, token = page(voices, request.page_size, request.page_token)
        return pb.ListVoicesResponse(voices=shown, next_page_token=token)

    async def GetVoice(self, request: pb.GetVoiceRequest, context: Any) -> pb.GetVoiceResponse:  # noqa: ANN401
        """Show one voice."""
        at_most("voice", request.voice, 256, "characters")
        info = self._roster.resolve_speech("", request.voice)
        try:
            found = self._roster.find_voice(request.voice, info, field="voice")
        except UnknownVoice as error:
            raise NotFound(error.message, field="voice") from None
        return pb.GetVoiceResponse(voice=self._voice(found, info))

    async def CreateVoice(self, request: pb.CreateVoiceRequest, context: Any) -> pb.CreateVoiceResponse:  # noqa: ANN401
        """Refuse: no model here clones."""
        raise NotBuilt(_STORED)

    async def DeleteVoice(self, request: pb.DeleteVoiceRequest, context: Any) -> pb.DeleteVoiceResponse:  # noqa: ANN401
        """Refuse: there are no stored voices."""
        raise NotBuilt(_STORED)

    def _infos(self, model: str) -> list[EngineInfo]:
        if model:
            return [self._roster.resolve_model(model, "synthesizer", field="model")]
        self._roster.info("synthesizer")  # the default has to answer
        return [each.info for each in self._roster.standings("synthesizer") if each.info and each.refusal is None]

    def _voice(self, voice: EngineVoice, info: EngineInfo) -> voice_pb2.Voice:
        aliases = [alias for alias, target in self._roster.aliases_of_voices(info).items() if target == voice.id]
        return voice_pb2.Voice(
            id=voice.id,
            name=voice.name,
            description=voice.description,
            kind=voice_pb2.VOICE_KIND_VARIANT if voice.is_variant else voice_pb2.VOICE_KIND_NATURAL,
            model=info.model,
            languages=voice.languages,
            aliases=sorted(aliases),
            labels=voice.labels,
        )
