"""The last step of planning: references encoded, and who asks written down."""

from dataclasses import replace
from typing import Any, cast

from antiphon_server.engine.protocol import Synthesizer
from antiphon_server.engine.reference import Cloner, SpeechReference
from antiphon_server.rpc.asker import caller_of, due_at
from antiphon_server.rpc.synthesis_config import SpeechPlan
from antiphon_server.session.cloning import CloningDesk, ReferenceSource
from antiphon_server.session.context_room import check_room


async def complete_plan(plan: SpeechPlan, desk: CloningDesk, synthesizer: Synthesizer, context: Any) -> SpeechPlan:  # noqa: ANN401 - grpc's types
    """Encode the references of a plan, and note who asks and until when.

    Args:
        plan: Checked.
        desk: Encodes.
        synthesizer: The engine that will speak.
        context: Of the call.

    Raises:
        SpeechError: If a reference cannot be heard; its field says which.
    """
    cloner, sources = cast("Cloner", synthesizer), plan.sources
    await check_room(sources.previous, plan.info, desk, synthesizer)

    async def heard(source: ReferenceSource | None) -> tuple[SpeechReference, ...]:
        return () if source is None else (await desk.read(source, cloner),)

    settings = replace(
        plan.settings,
        caller=caller_of(context),
        due_at=due_at(context),
        reference=await heard(sources.reference),
        speaker_references={speaker: await heard(source) for speaker, source in sources.speakers.items()},
        previous=tuple([await desk.read(source, cloner) for source in sources.previous]),
    )
    return replace(plan, settings=settings)
