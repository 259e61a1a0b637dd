"""Session events as messages of the contract."""

import dataclasses
from collections.abc import Iterable

from antiphon.speech.v1 import audio_pb2, report_pb2, transcript_pb2
from antiphon.speech.v1 import synthesis_service_pb2 as synthesis_pb
from antiphon.speech.v1 import transcription_service_pb2 as transcription_pb
from antiphon_server.engine.protocol import HeardSegment, HeardWord
from antiphon_server.session.events import (
    AudioOut,
    FinalHeard,
    HeardPiece,
    Notice,
    PartialHeard,
    Stall,
    Times,
    UtteranceCut,
    UtteranceEnded,
)


def warning(notice: Notice) -> report_pb2.CallWarning:
    """Write a warning."""
    code = report_pb2.WarningCode.Value(f"WARNING_CODE_{notice.code}")
    return report_pb2.CallWarning(code=code, field=notice.field, message=notice.message)


def finish_reason(name: str) -> report_pb2.FinishReason.ValueType:
    """Write a finish reason."""
    return report_pb2.FinishReason.Value(f"FINISH_REASON_{name}")


def timings(times: Times) -> report_pb2.Timings:
    """Write timings; what does not apply stays absent."""
    return report_pb2.Timings(
        queue_ms=times.queue_ms,
        first_output_ms=times.first_output_ms,
        engine_ms=times.engine_ms,
        total_ms=times.total_ms,
    )


def underrun(stall: Stall) -> report_pb2.Underrun:
    """Write how a player starved."""
    return report_pb2.Underrun(num_underruns=stall.num_underruns, underrun_ms=stall.underrun_ms)


def audio_chunk(out: AudioOut) -> audio_pb2.AudioChunk:
    """Write a chunk."""
    return audio_pb2.AudioChunk(
        data=out.data,
        sequence=out.sequence,
        utterance_id=out.utterance_id,
        first_sample=out.first_sample,
        num_samples=out.num_samples,
    )


def utterance_done(ended: UtteranceEnded) -> synthesis_pb.UtteranceDone:
    """Write the books of an utterance."""
    return synthesis_pb.UtteranceDone(
        utterance_id=ended.utterance_id,
        finish_reason=finish_reason(ended.finish_reason),
        seed=ended.seed,
        num_samples=ended.num_samples,
        usage=report_pb2.Usage(
            input_characters=ended.num_characters,
            input_tokens=ended.input_tokens,
            output_tokens=ended.output_tokens,
            input_audio_ms=ended.input_audio_ms,
            output_audio_ms=ended.audio_ms,
        ),
        timings=timings(ended.times),
        underrun=underrun(ended.stall),
        replay_token=ended.replay_token,
        crc32=ended.crc32,
    )


def utterance_cancelled(cut: UtteranceCut) -> synthesis_pb.UtteranceCancelled:
    """Write a receipt."""
    return synthesis_pb.UtteranceCancelled(
        utterance_id=cut.utterance_id,
        samples_generated=cut.samples_generated,
        samples_sent=cut.samples_sent,
        samples_played=cut.samples_played,
        estimated=cut.estimated,
        text_spoken=cut.text_spoken,
        engine_stopped_after_ms=cut.engine_stopped_after_ms,
    )


def partial_transcript(heard: PartialHeard) -> transcription_pb.PartialTranscript:
    """Write a partial."""
    return transcription_pb.PartialTranscript(
        text=heard.text,
        stability=heard.stability,
        up_to_ms=heard.up_to_ms,
        num_settled_characters=heard.num_settled_characters,
        utterance_index=heard.utterance_index,
        interval_ms=heard.interval_ms,
    )


def final_transcript(heard: FinalHeard, *, has_report: bool = False) -> transcription_pb.FinalTranscript:
    """Write a final, with the report of how it came about if that was asked for."""
    return transcription_pb.FinalTranscript(
        text=heard.text,
        words=words(heard.segments),
        segments=segments(heard.segments),
        language=heard.language,
        language_confidence=heard.language_confidence,
        utterance_index=heard.utterance_index,
        start_ms=heard.start_ms,
        end_ms=heard.end_ms,
        no_speech=not heard.has_speech,
        timings=timings(heard.times),
        report=listening_report(heard.pieces) if has_report else None,
    )


def listening_report(pieces: Iterable[HeardPiece]) -> transcript_pb2.ListeningReport:
    """Write how transcripts came about."""
    return transcript_pb2.ListeningReport(
        pieces=[
            transcript_pb2.ListenedPiece(
                start_ms=piece.start_ms,
                end_ms=piece.end_ms,
                end=transcript_pb2.PieceEnd.Value(f"PIECE_END_{piece.end}"),
                engine_ms=piece.engine_ms,
                checks=[transcript_pb2.FiredCheck(**dataclasses.asdict(check)) for check in piece.checks],
            )
            for piece in pieces
        ]
    )


def segments(heard: tuple[HeardSegment, ...]) -> list[transcript_pb2.Segment]:
    """Write segments, numbered from 0."""
    return [
        transcript_pb2.Segment(
            index=index,
            text=segment.text,
            start_ms=segment.start_ms,
            end_ms=segment.end_ms,
            average_log_prob=segment.average_log_prob,
            no_speech_prob=segment.no_speech_prob,
            compression_ratio=segment.compression_ratio,
            temperature=segment.temperature,
            tokens=segment.tokens,
            confidence=segment.confidence,
        )
        for index, segment in enumerate(heard)
    ]


def words(heard: tuple[HeardSegment, ...]) -> list[transcript_pb2.Word]:
    """Write the words of segments."""
    return [_word(word) for segment in heard for word in segment.words]


def _word(word: HeardWord) -> transcript_pb2.Word:
    return transcript_pb2.Word(text=word.text, start_ms=word.start_ms, end_ms=word.end_ms, confidence=word.confidence)
