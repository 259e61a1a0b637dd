"""The prompt of a Higgs Audio v3 TTS sequence: text ids, and delayed rows of codes where a reference is heard."""

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon_server.engine.continuity import Spoken
from antiphon_server.engine.runner import Row
from antiphon_server.model.tokenizer import AUDIO, REF_AUDIO, REF_TEXT, TEXT, TTS


@dataclass(frozen=True, slots=True)
class Reference:
    """What the voice is to sound like."""

    rows: tuple[Row, ...]
    """Delayed rows, with their BOC and EOC corners: frames + 7."""
    transcript: tuple[int, ...] = ()
    """Its text ids; empty if unknown."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Positions in order; each is a text id or a row of codes."""

    positions: tuple[int | Row, ...]
    num_prefix: int
    """Positions of the voice: the same for every text spoken with it, so their keys and values can be kept."""


def build_prompt(text: Sequence[int], *, reference: Reference | None = None, history: Sequence[Spoken] = ()) -> Prompt:
    """Lay out a prompt. Without a reference it is zero-shot; a reference may have no transcript."""
    prefix: list[int | Row] = [TTS]
    if reference is not None:
        if reference.transcript:
            prefix += [REF_TEXT, *reference.transcript]
        prefix += [REF_AUDIO, *reference.rows]
    rest: list[int | Row] = []
    for spoken in history:
        rest += [TEXT, *spoken.text, AUDIO, *spoken.rows]
    rest += [TEXT, *text, AUDIO]
    return Prompt((*prefix, *rest), len(prefix))
