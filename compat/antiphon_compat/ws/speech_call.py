"""One session of ``/v1/audio/speech/stream``: one Synthesize RPC, from its config to the last audio."""

import asyncio
import contextlib

from antiphon.speech.v1 import synthesis_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.upstream import Metadata, Upstream, events_of, write_all
from antiphon_compat.ws.speech_relay import SpeechRelay

Request = synthesis_service_pb2.SynthesizeRequest


class SpeechCall:
    """A running RPC and the task that passes its events on. Writes wait while the server takes no more."""

    def __init__(self, upstream: Upstream, relay: SpeechRelay, metadata: Metadata, *, is_announced: bool) -> None:
        """Open the call; nothing is sent before ``configure``."""
        self.is_finishing = self.has_failed = False
        self._has_ended = False  # before its last event is sent: the client may answer that at once
        self._relay, self._is_announced = relay, is_announced
        self._call = upstream.synthesis.Synthesize(metadata=metadata)
        self._task = asyncio.create_task(self._run())

    @property
    def is_over(self) -> bool:
        """Whether everything was said, or it failed."""
        return self._has_ended or self._task.done()

    @property
    def is_busy(self) -> bool:
        """Whether something is being made, or will be without another word of the client."""
        return not self.is_over and (self.is_finishing or self._relay.is_speaking)

    async def configure(self, config: synthesis_service_pb2.SynthesisConfig) -> None:
        """Say how to speak."""
        await write_all(self._call, Request(config=config))

    async def say(self, text: str) -> None:
        """Pass text on, at the pace the server takes it."""
        await write_all(self._call, Request(text=synthesis_service_pb2.TextInput(text=text)))

    async def flush(self) -> None:
        """End the utterance here."""
        await write_all(self._call, Request(flush=synthesis_service_pb2.FlushText()))

    async def cancel_audio(self, audio_id: str) -> None:
        """Drop an utterance; without an id all of them."""
        utterance_id = self._relay.utterance_id(audio_id) if audio_id else ""
        await write_all(self._call, Request(cancel=synthesis_service_pb2.CancelUtterance(utterance_id=utterance_id)))

    async def finish(self) -> None:
        """No more text comes."""
        self.is_finishing = True
        await write_all(self._call, Request(finish=synthesis_service_pb2.FinishText()))

    async def stop(self) -> None:
        """End the RPC at once; when this returns, nothing more of it is sent."""
        self._call.cancel()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def wait(self) -> None:
        """Wait until it is over, however it ends."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client is gone; the RPC ends with it
            try:
                async with contextlib.aclosing(events_of(self._call)) as events:
                    async for event in events:
                        await self._relay.pass_on(event, is_announced=self._is_announced)
                self._has_ended = True
                await self._relay.end()
            except ApiError as error:
                self._has_ended = self.has_failed = True
                await self._relay.fail(error)
