"""What a synthesis would speak, found out without running a model."""

import asyncio
from typing import cast

from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon_server.engine.foresight import LetterCounter, TokenCounter
from antiphon_server.engine.protocol import Synthesizer
from antiphon_server.rpc.responses import warning
from antiphon_server.rpc.synthesis_config import SpeechPlan
from antiphon_server.session.events import Notice
from antiphon_server.session.script import Script
from antiphon_server.session.unrendered import unread, unrendered
from antiphon_server.text.segment import Segment


async def explain(script: Script, plan: SpeechPlan, synthesizer: Synthesizer) -> pb.ExplainSynthesisResponse:
    """Lay a text out that was cut and normalised as Synthesize would.

    Args:
        script: What would be spoken.
        plan: How.
        synthesizer: Would speak; asked to count tokens, and letters it cannot read, if it can.
    """
    explained = await asyncio.to_thread(_explain, script, plan)
    if plan.info.counts_tokens:
        texts = tuple(segment.text for segment in explained.segments)
        counts = await cast("TokenCounter", synthesizer).count_tokens(texts)
        for segment, count in zip(explained.segments, counts, strict=True):
            segment.num_tokens = count
        explained.num_tokens = sum(counts)
    if plan.info.counts_unreadable:
        unreadable = await _num_unreadable(explained, plan, cast("LetterCounter", synthesizer))
        explained.warnings.extend(warning(unread(count, plan.info.model)) for count in unreadable if count)
    return explained


async def _num_unreadable(
    explained: pb.ExplainSynthesisResponse, plan: SpeechPlan, counter: LetterCounter
) -> list[int]:
    """Count what each segment would be spoken without; what is read depends on its voice."""
    voices = [plan.settings.voice_of(segment.speaker) for segment in explained.segments]
    counts = [0] * len(voices)
    for voice in dict.fromkeys(voices):
        places = [index for index, each in enumerate(voices) if each == voice]
        texts = tuple(explained.segments[index].text for index in places)
        found = await counter.count_unreadable(texts, voice, plan.settings.language)
        for index, count in zip(places, found, strict=True):
            counts[index] = count
    return counts


def _explain(script: Script, plan: SpeechPlan) -> pb.ExplainSynthesisResponse:
    segments = script.drain()
    tags = (tag for segment in segments for tag in segment.tags)
    odd = [Notice(code, "text", message) for code, message in script.warnings()]
    notices = [*plan.notices, *odd, *unrendered(tags, plan.settings, set(), field="text")]
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
        speed=settings.speed_of(segment),
        pitch_semitones=settings.pitch_of(segment),
        speaker=segment.speaker,
    )
