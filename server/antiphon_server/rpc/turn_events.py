"""Events of a conversation as entries of its log."""

from collections.abc import Callable
from typing import Any

from antiphon.speech.v1 import conversation_service_pb2 as pb
from antiphon.speech.v1 import error_reason_pb2, report_pb2
from antiphon.speech.v1 import transcription_service_pb2 as transcription_pb
from antiphon.speech.v1.error_table import ERROR_TABLE
from antiphon_server.rpc.responses import (
    audio_chunk,
    final_transcript,
    finish_reason,
    partial_transcript,
    timings,
    underrun,
    utterance_cancelled,
    warning,
)
from antiphon_server.session.events import (
    AudioOut,
    DeliveryChosen,
    FinalHeard,
    Notice,
    PartialHeard,
    ReplyAudioBegan,
    ReplyAudioEnded,
    ReplyEnded,
    ReplySentence,
    TurnBroken,
    TurnEvent,
    TurnOver,
    UtteranceCut,
    VoiceBegan,
    VoiceStopped,
)


def turn_event(event: TurnEvent, *, has_report: bool = False) -> pb.ConverseResponse:
    """Write one event; number and time are the log's. Finals have their report if that was asked for."""
    if isinstance(event, FinalHeard):
        return pb.ConverseResponse(final=final_transcript(event, has_report=has_report))
    arm, message = _ARMS[type(event)]
    return pb.ConverseResponse(**{arm: message(event)})


def _reply_done(event: ReplyEnded) -> pb.ReplyDone:
    return pb.ReplyDone(
        utterance_id=event.utterance_id,
        text=event.text,
        finish_reason=finish_reason(event.finish_reason),
        usage=report_pb2.Usage(
            input_tokens=event.input_tokens, output_tokens=event.output_tokens, output_audio_ms=event.audio_ms
        ),
        timings=timings(event.times),
        transcript_ms=event.transcript_ms,
        first_token_ms=event.first_token_ms,
    )


def _failed(event: TurnBroken) -> pb.TurnFailed:
    return pb.TurnFailed(
        reason=error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{event.reason}"),
        message=event.message,
        field=event.field,
        is_retryable=ERROR_TABLE[event.reason].is_retryable,
        utterance_id=event.utterance_id,
    )


def _delivery(event: DeliveryChosen) -> pb.Delivery:
    return pb.Delivery(tokens=event.tokens, utterance_id=event.utterance_id, **event.values)


def _audio_done(event: ReplyAudioEnded) -> pb.ReplyAudioDone:
    return pb.ReplyAudioDone(
        utterance_id=event.utterance_id, num_samples=event.num_samples, underrun=underrun(event.stall)
    )


_ARMS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    AudioOut: ("audio", audio_chunk),
    PartialHeard: ("partial", partial_transcript),
    VoiceBegan: ("speech_started", lambda event: transcription_pb.SpeechStarted(at_ms=event.at_ms)),
    VoiceStopped: ("speech_stopped", lambda event: transcription_pb.SpeechStopped(at_ms=event.at_ms)),
    UtteranceCut: ("cancelled", utterance_cancelled),
    Notice: ("warning", warning),
    TurnOver: ("turn_ended", lambda e: pb.TurnEnded(turn_index=e.turn_index, utterance_id=e.utterance_id)),
    DeliveryChosen: ("delivery", _delivery),
    ReplySentence: ("reply_delta", lambda e: pb.ReplyDelta(utterance_id=e.utterance_id, text=e.text)),
    ReplyAudioBegan: (
        "audio_started",
        lambda e: pb.ReplyAudioStarted(utterance_id=e.utterance_id, sample_rate_hz=e.sample_rate_hz),
    ),
    ReplyAudioEnded: ("audio_done", _audio_done),
    ReplyEnded: ("reply_done", _reply_done),
    TurnBroken: ("failed", _failed),
}
"""The arm of the log's oneof for every event, and how it is written."""
