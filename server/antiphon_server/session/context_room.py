"""Whether earlier turns can fit a model at all, found out before the seconds that encoding them would take."""

from typing import cast

from antiphon_server.audio.clip import MAX_CLIP_S
from antiphon_server.engine.foresight import TokenCounter
from antiphon_server.engine.protocol import EngineInfo, Synthesizer
from antiphon_server.errors import ContextOverflow
from antiphon_server.session.cloning import CloningDesk, ReferenceSource

_BESIDE_FRAMES = 9
"""Positions of a turn beside its text and its frames: seven rows of delay, and what stands before text and sound."""


async def check_room(
    turns: tuple[ReferenceSource, ...], info: EngineInfo, desk: CloningDesk, synthesizer: Synthesizer
) -> None:
    """Measure earlier turns where they could be too many; how much speech there will be is not known yet.

    Args:
        turns: As they were sent.
        info: Of the model.
        desk: Decodes clips.
        synthesizer: Counts tokens, if it can.

    Raises:
        ContextOverflow: If the turns alone take more than the model has room for.
        SpeechError: If a clip cannot be decoded.
    """
    if not info.max_positions or not turns:
        return
    known = sum(_frames_of_codes(turn, info) + _BESIDE_FRAMES for turn in turns)
    known += await _num_tokens(turns, info, synthesizer)
    num_clips = sum(not turn.codes for turn in turns)
    if known + num_clips * MAX_CLIP_S * info.frames_per_s <= info.max_positions:
        return
    seconds = sum([await desk.measure(turn) for turn in turns])
    needed = known + int(seconds * info.frames_per_s)
    if needed > info.max_positions:
        field = turns[0].field.partition("[")[0]
        raise ContextOverflow(
            f"{field} take {needed} positions ({len(turns)} turns with {seconds:.1f} s of clips); with "
            f"text, reference and speech they must fit {info.max_positions}",
            field=field,
        )


def _frames_of_codes(turn: ReferenceSource, info: EngineInfo) -> int:
    return len(turn.codes) // 2 // max(1, info.num_codebooks)


async def _num_tokens(turns: tuple[ReferenceSource, ...], info: EngineInfo, synthesizer: Synthesizer) -> int:
    if not info.counts_tokens:
        return 0
    return sum(await cast("TokenCounter", synthesizer).count_tokens(tuple(turn.transcript for turn in turns)))
