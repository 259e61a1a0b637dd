"""Text to speech on one bidirectional call: the controls of the wire, one method each."""

from antiphon.speech.v1.audio_pb2 import PlaybackPosition
from antiphon.speech.v1.synthesis_service_pb2 import (
    CancelUtterance,
    FinishText,
    FlushText,
    SynthesisConfig,
    SynthesisStarted,
    SynthesisUpdate,
    SynthesizeRequest,
    SynthesizeResponse,
    TextInput,
)
from antiphon.speech.v1.synthesis_service_pb2_grpc import SynthesisServiceStub
from antiphon_client.connection import CallOptions, Connection
from antiphon_client.stream import MessageStream


class SynthesisStream(MessageStream[SynthesizeRequest, SynthesizeResponse]):
    """A ``Synthesize`` call: send text while audio comes back.

    Iterating gives every response after ``started``: ``utterance_started``, ``audio``, ``alignment``,
    ``utterance_done``, ``cancelled`` and ``warning``, told apart by ``response.WhichOneof("response")``.
    """

    def __init__(self, connection: Connection, config: SynthesisConfig, *, call: CallOptions) -> None:
        """Prepare the call; see :meth:`AntiphonClient.synthesize`."""
        method = SynthesisServiceStub(connection.channel).Synthesize
        super().__init__(connection, method, SynthesizeRequest(config=config), call=call)

    @property
    def started(self) -> SynthesisStarted:
        """What the server decided: the config in effect, model, rate, limits."""
        return self.first_response.started

    async def send_text(self, text: str, *, speaker: int = 0) -> None:
        """Add text exactly as given; spaces between pieces are the caller's.

        Args:
            text: At most 128 KiB of UTF-8.
            speaker: Index into ``SynthesisConfig.speakers``.
        """
        await self.send(SynthesizeRequest(text=TextInput(text=text, speaker=speaker)))

    async def flush(self) -> None:
        """Have what was sent spoken now; the utterance ends there."""
        await self.send(SynthesizeRequest(flush=FlushText()))

    async def finish(self) -> None:
        """Have what was sent spoken and end the call; only `cancel` and positions may follow."""
        await self.send(SynthesizeRequest(finish=FinishText()))

    async def cancel(self, utterance_id: str = "") -> None:
        """Drop an utterance; its ``cancelled`` receipt says what was made, sent and heard.

        Args:
            utterance_id: Empty drops the one being spoken and all text waiting behind it.
        """
        await self.send(SynthesizeRequest(cancel=CancelUtterance(utterance_id=utterance_id)))

    async def playback_position(self, utterance_id: str, samples_played: int) -> None:
        """Tell how far the listener has heard, in samples at the output rate."""
        position = PlaybackPosition(utterance_id=utterance_id, samples_played=samples_played)
        await self.send(SynthesizeRequest(playback_position=position))

    async def update(self, change: SynthesisUpdate) -> None:
        """Change voice or delivery from the next segment on."""
        await self.send(SynthesizeRequest(update=change))
