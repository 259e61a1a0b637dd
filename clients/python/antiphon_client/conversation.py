"""A live conversation on one bidirectional call: the controls of the wire, one method each."""

from antiphon.speech.v1.audio_pb2 import PlaybackPosition
from antiphon.speech.v1.conversation_service_pb2 import (
    CancelResponse,
    ClearAudio,
    ConversationConfig,
    ConversationItem,
    ConversationStarted,
    ConversationUpdate,
    ConverseRequest,
    ConverseResponse,
    CreateItem,
    CreateResponse,
    DeleteItem,
    EndTurn,
    RetrieveItem,
    TextTurn,
    ToolResult,
    TruncateUtterance,
)
from antiphon.speech.v1.conversation_service_pb2_grpc import ConversationServiceStub
from antiphon_client.connection import CallOptions, Connection
from antiphon_client.stream import MessageStream
from antiphon_client.transcription import MAX_AUDIO_MESSAGE_BYTES


class ConversationStream(MessageStream[ConverseRequest, ConverseResponse]):
    """A ``Converse`` call: send turns while the log of the conversation comes back.

    Iterating gives every entry after ``started``, told apart by ``response.WhichOneof("event")``. A turn that goes
    wrong is a ``failed`` entry and the conversation goes on; only the end of the stream raises.
    """

    def __init__(self, connection: Connection, config: ConversationConfig, *, call: CallOptions) -> None:
        """Prepare the call; see :meth:`AntiphonClient.converse`."""
        method = ConversationServiceStub(connection.channel).Converse
        super().__init__(connection, method, ConverseRequest(config=config), call=call)

    @property
    def started(self) -> ConversationStarted:
        """What the server decided: the config in effect, models, rate."""
        return self.first_response.started

    async def send_audio(self, audio: bytes) -> None:
        """Send audio of the person, cut into messages of at most 64 KiB."""
        for start in range(0, len(audio), MAX_AUDIO_MESSAGE_BYTES):
            await self.send(ConverseRequest(audio=audio[start : start + MAX_AUDIO_MESSAGE_BYTES]))

    async def clear_audio(self) -> None:
        """Drop the audio of the turn so far."""
        await self.send(ConverseRequest(clear_audio=ClearAudio()))

    async def end_turn(self) -> None:
        """Say that the person has finished speaking; a reply follows."""
        await self.send(ConverseRequest(end_turn=EndTurn()))

    async def send_text_turn(self, text: str) -> None:
        """Send a typed turn; a reply follows."""
        await self.send(ConverseRequest(text_turn=TextTurn(text=text)))

    async def create_response(self, instructions: str = "") -> None:
        """Ask for a reply without a new turn, with directions for this reply only."""
        await self.send(ConverseRequest(create_response=CreateResponse(instructions=instructions)))

    async def cancel(self) -> None:
        """Stop the running reply; ``cancelled`` is its receipt."""
        await self.send(ConverseRequest(cancel=CancelResponse()))

    async def truncate(self, utterance_id: str, samples: int) -> None:
        """Cut the history of an utterance to the samples that were heard."""
        await self.send(ConverseRequest(truncate=TruncateUtterance(utterance_id=utterance_id, samples=samples)))

    async def playback_position(self, utterance_id: str, samples_played: int) -> None:
        """Tell how far the listener has heard, in samples at the output rate."""
        position = PlaybackPosition(utterance_id=utterance_id, samples_played=samples_played)
        await self.send(ConverseRequest(playback_position=position))

    async def send_tool_result(self, tool_call_id: str, output: str) -> None:
        """Answer a ``tool_call``."""
        await self.send(ConverseRequest(tool_result=ToolResult(tool_call_id=tool_call_id, output=output)))

    async def create_item(self, item: ConversationItem, *, after_item_id: str = "") -> None:
        """Put a message into the history, by default at its end."""
        await self.send(ConverseRequest(item_create=CreateItem(item=item, after_item_id=after_item_id)))

    async def delete_item(self, item_id: str) -> None:
        """Take a message out of the history."""
        await self.send(ConverseRequest(item_delete=DeleteItem(item_id=item_id)))

    async def retrieve_item(self, item_id: str) -> None:
        """Ask for a message of the history; an ``item`` entry answers."""
        await self.send(ConverseRequest(item_retrieve=RetrieveItem(item_id=item_id)))

    async def update(self, change: ConversationUpdate) -> None:
        """Change the conversation from the next turn on."""
        await self.send(ConverseRequest(update=change))
