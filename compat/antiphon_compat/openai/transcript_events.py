"""A transcript as server-sent events: only what is settled is sent, so that the deltas add up to the final text."""

from collections.abc import AsyncGenerator, AsyncIterator

from antiphon.speech.v1 import transcription_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.log_probs import log_probs
from antiphon_compat.openai.reports import warning_rows
from antiphon_compat.openai.transcript import TranscriptionReply
from antiphon_compat.openai.transcript_reports import beside_the_words

Event = transcription_service_pb2.TranscribeResponse


async def transcript_events(
    reply: TranscriptionReply, events: AsyncIterator[Event]
) -> AsyncGenerator[dict[str, object], None]:
    """Yield ``transcript.text.delta`` as text settles, then one ``transcript.text.done``.

    Raises:
        ApiError: The transcription failed, ended early, or took back what it had called settled.
    """
    sent = ""
    async for event in events:
        reply.note(event)
        text = reply.transcript.text
        if not text.startswith(sent):
            raise ApiError("INTERNAL", "The server changed text that it had called settled.")
        if text != sent:
            yield {"type": "transcript.text.delta", "delta": text[len(sent) :]}
            sent = text
    reply.require_done()
    yield _done(reply)


def _done(reply: TranscriptionReply) -> dict[str, object]:
    transcript = reply.transcript
    message: dict[str, object] = {"type": "transcript.text.done", "text": transcript.text}
    if reply.job.with_log_probs:
        message["logprobs"] = log_probs(transcript.text, transcript.words)
    message |= beside_the_words(transcript, with_report=reply.job.with_report)
    return message | {"model": reply.model, "warnings": warning_rows(reply.warnings)}
