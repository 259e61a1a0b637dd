"""Events of a Converse stream into the events of ``/ws/voice``, in the order its clients rely on."""

from typing import Protocol

from antiphon.speech.v1 import conversation_service_pb2, error_reason_pb2, report_pb2, transcription_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.transcript_reports import timings

Event = conversation_service_pb2.ConverseResponse

_DELIVERY_FIELDS = ("emotion", "speed", "expressive", "pitch", "sfx", "style")
_SAMPLE_RATE_HZ = 24000


class Listener(Protocol):
    """The client's end of the socket. Both wait until there is room to write."""

    async def send_event(self, event: dict[str, object]) -> None:
        """Send one JSON frame."""
        ...

    async def send_audio(self, audio: bytes) -> None:
        """Send one binary frame."""
        ...


class Relay:
    """Passes one turn on: ``audio_start`` before its first audio and ``audio_end`` after its last, each once."""

    def __init__(self, listener: Listener) -> None:
        """Keep where to send to."""
        self._listener = listener
        self._is_audio_open = False
        self._heard: str | None = None
        self.is_over = False

    async def pass_on(self, event: Event) -> None:
        """Translate one event; those the dialect has no word for are left out.

        Raises:
            ConnectionError: The client is gone.
        """
        kind = event.WhichOneof("event")
        if kind == "partial":
            await self._pass_partial(event.partial)
        elif kind == "final":
            self._heard = event.final.text
            await self._send("final", text=event.final.text, **_timings(event.final.timings))
        elif kind == "delivery":
            await self._pass_delivery(event.delivery)
        elif kind == "reply_delta":
            await self._send("reply_delta", text=event.reply_delta.text)
        elif kind == "audio":
            await self._pass_audio(event.audio.data)
        elif kind == "audio_done":
            await self.close_audio()
        elif kind == "reply_done":
            await self._finish(event.reply_done.text, **_timings(event.reply_done.timings))
        elif kind == "failed":
            await self._pass_failure(event.failed)

    async def end(self) -> None:
        """Close the turn when the stream has ended well; a turn in which nothing was said has an empty reply.

        Raises:
            ConnectionError: The client is gone.
        """
        if self.is_over:
            return
        if self._heard is not None and not self._heard.strip():
            await self._finish("")
        else:
            await self.fail("The turn ended without a reply.")

    async def fail(self, detail: str) -> None:
        """Tell the client that the turn failed, after closing what is open.

        Raises:
            ConnectionError: The client is gone.
        """
        await self.close_audio()
        self.is_over = True
        await self._send("error", detail=detail)

    async def close_audio(self) -> None:
        """Send ``audio_end`` if audio was begun.

        Raises:
            ConnectionError: The client is gone.
        """
        if self._is_audio_open:
            self._is_audio_open = False
            await self._send("audio_end")

    async def _pass_partial(self, partial: transcription_service_pb2.PartialTranscript) -> None:
        # As text, not as a number: browsers count characters in another way than the contract.
        settled = partial.text[: partial.num_settled_characters]
        await self._send("partial", text=partial.text, **({"settled": settled} if settled else {}))

    async def _pass_audio(self, audio: bytes) -> None:
        if not self._is_audio_open:
            self._is_audio_open = True
            await self._send("audio_start", sample_rate=_SAMPLE_RATE_HZ)
        await self._listener.send_audio(audio)

    async def _pass_delivery(self, delivery: conversation_service_pb2.Delivery) -> None:
        given = {name: getattr(delivery, name) for name in _DELIVERY_FIELDS}
        await self._send("delivery", tokens=delivery.tokens, **{name: value for name, value in given.items() if value})

    async def _pass_failure(self, failed: conversation_service_pb2.TurnFailed) -> None:
        is_silence = failed.reason == error_reason_pb2.ERROR_REASON_TEXT_EMPTY and self._heard == ""
        if is_silence:
            await self._finish("")
        else:
            await self.fail(failed.message)

    async def _finish(self, text: str, **books: object) -> None:
        await self.close_audio()
        self.is_over = True
        await self._send("reply_done", text=text, **books)

    async def _send(self, kind: str, **fields: object) -> None:
        await self._listener.send_event({"type": kind, **fields})


def _timings(measured: report_pb2.Timings) -> dict[str, object]:
    found = timings(measured)
    return {"timings": found} if found else {}


def error_event(error: ApiError) -> dict[str, object]:
    """Shape an error the way the dialect does."""
    return {"type": "error", "detail": error.message}
