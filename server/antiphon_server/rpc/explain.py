"""What a synthesis would speak, found out without running a model."""

from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon_server.rpc.responses import warning
from antiphon_server.rpc.synthesis_config import SpeechPlan
from antiphon_server.session.events import Notice
from antiphon_server.session.script import read_whole
from antiphon_server.text.segment import Segment


def explain(text: str, plan: SpeechPlan) -> pb.ExplainSynthesisResponse:
    """Cut and normalise a text as Synthesize would.

    Args:
        text: What would be spoken.
        plan: How.
    """
    script = read_whole(text, plan.settings)
    segments = script.drain()
    notices = [*plan.notices, *(Notice(code, "text", message) for code, message in script.warnings())]
    spoken = [segment.text for segment in segments if segment.text]
    return pb.ExplainSynthesisResponse(
        config=plan.effective,
        model=plan.info.model,
        normalized_text=" ".join(spoken),
        segments=[_segment(segment, plan) for segment in segments],
        num_characters=sum(len(part) for part in spoken),
        warnings=[warning(notice) for notice in notices],
    )


def _segment(segment: Segment, plan: SpeechPlan) -> pb.ExplainedSegment:
    settings = plan.settings
    return pb.ExplainedSegment(
        text=segment.text,
        tags=segment.tags,
        pause_before_ms=segment.pause_before_ms,
        speed=min(4.0, max(0.25, settings.speed * segment.speed_factor)),
        pitch_semitones=min(12.0, max(-12.0, settings.pitch_semitones + segment.pitch_semitones)),
        speaker=segment.speaker,
    )
