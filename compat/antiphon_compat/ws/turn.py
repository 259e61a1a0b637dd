"""One turn of ``/ws/voice``: one Converse RPC, from its config to its reply."""

import asyncio
import contextlib

from antiphon.speech.v1 import conversation_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.upstream import Metadata, Upstream, events_of, write_all
from antiphon_compat.ws.relay import Listener, Relay

Request = conversation_service_pb2.ConverseRequest

_MAX_AUDIO_BYTES = 64 * 1024  # the contract's largest audio message


class Turn:
    """A running RPC and the task that passes its events on."""

    def __init__(self, upstream: Upstream, listener: Listener, metadata: Metadata, *, name: str) -> None:
        """Open the call; nothing is sent before ``listen`` or ``take_text``. The name is for the client's eyes."""
        self.is_recording = False
        self.num_heard_bytes = 0
        self._name = name
        self._call = upstream.conversation.Converse(metadata=metadata)
        self._relay = Relay(listener)
        self._task = asyncio.create_task(self._run())

    def __str__(self) -> str:
        """Give the name, e.g. ``turn 2 (typed)``."""
        return self._name

    @property
    def is_answering(self) -> bool:
        """Whether the client has said its part and waits for the end of the reply."""
        return not (self.is_recording or self._relay.is_over or self._task.done())

    async def listen(self, config: conversation_service_pb2.ConversationConfig) -> None:
        """Begin a spoken turn."""
        self.is_recording = True
        await write_all(self._call, Request(config=config))

    async def take_text(self, config: conversation_service_pb2.ConversationConfig, text: str) -> None:
        """Take a typed turn; the reply follows."""
        typed = conversation_service_pb2.TextTurn(text=text)
        await write_all(self._call, Request(config=config), Request(text_turn=typed), is_last=True)

    async def hear(self, audio: bytes) -> None:
        """Pass on what the microphone heard, in order, at the pace the server takes it."""
        self.num_heard_bytes += len(audio)
        for at in range(0, len(audio), _MAX_AUDIO_BYTES):
            await write_all(self._call, Request(audio=audio[at : at + _MAX_AUDIO_BYTES]))

    async def stop_listening(self) -> None:
        """End the spoken turn; its transcript and the reply follow."""
        self.is_recording = False
        await write_all(self._call, Request(end_turn=conversation_service_pb2.EndTurn()), is_last=True)

    async def cancel(self) -> None:
        """End the RPC at once; when this returns, nothing more of the turn is sent."""
        self.is_recording = False
        self._call.cancel()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def wait(self) -> None:
        """Wait until the turn is over, however it ends."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client is gone; the RPC ends with it
            try:
                await self._relay_all()
            except ApiError as error:
                await self._relay.fail(error.message)
            except asyncio.CancelledError:
                await self._relay.close_audio()
                raise

    async def _relay_all(self) -> None:
        async with contextlib.aclosing(events_of(self._call)) as events:
            async for event in events:
                if not self._relay.is_over:
                    await self._relay.pass_on(event)
                if self._relay.is_over and self.is_recording:
                    return  # it failed while the microphone is open: nothing would ever end this stream
        await self._relay.end()
