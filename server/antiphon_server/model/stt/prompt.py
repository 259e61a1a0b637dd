"""The prompt of a Higgs Audio v3 STT sequence: an instruction, what was heard, and the beginning of the answer."""

from collections.abc import Sequence
from enum import Enum

from antiphon_server.model.stt.vocabulary import (
    AUDIO,
    AUDIO_BEGIN,
    AUDIO_END,
    THINK,
    THINK_END,
    TURN_BEGIN,
    TURN_END,
)
from antiphon_server.model.tokenizer import TextTokenizer

INSTRUCTION = "Transcribe the speech. Output only the spoken words in lowercase with no punctuation."
"""What the published figures were taken with."""


class Thinking(Enum):
    """Whether the model may think before it answers."""

    AUTO = "auto"
    """The model's default, which is ON."""
    ON = "on"
    """It may; with the published instruction it seldom does."""
    OFF = "off"
    """It reads that it has thought nothing; a shorter way to the first word."""


def prefix_ids(tokenizer: TextTokenizer, instruction: str = INSTRUCTION) -> list[int]:
    """Lay out what stands before the sound; the same for every clip with this instruction.

    The instruction is plain text: what looks like a special token in it is ordinary characters.
    """
    turn = [TURN_BEGIN, *tokenizer.encode("user\n")]
    return [*turn, *tokenizer.encode(instruction), AUDIO_BEGIN]


def suffix_ids(tokenizer: TextTokenizer, thinking: Thinking = Thinking.AUTO) -> list[int]:
    """Lay out what stands behind the sound."""
    line, lines = tokenizer.encode("\n"), tokenizer.encode("\n\n")
    header = [AUDIO_END, TURN_END, *line, TURN_BEGIN, *tokenizer.encode("assistant\n")]
    return [*header, THINK, *lines, THINK_END, *lines] if thinking is Thinking.OFF else header


def prompt_ids(
    tokenizer: TextTokenizer,
    chunk_rows: Sequence[int],
    *,
    instruction: str = INSTRUCTION,
    thinking: Thinking = Thinking.AUTO,
) -> list[int]:
    """Lay out a prompt for chunks of so many rows each, with an AUDIO for every row; one pair of signs around all.

    The published collator writes one AUDIO a chunk and widens it to the chunk's rows; this is the widened form.

    Raises:
        ValueError: If there are no rows.
    """
    if sum(chunk_rows) < 1:
        raise ValueError("a prompt needs at least one row of sound")
    sound = [AUDIO] * sum(chunk_rows)
    return [*prefix_ids(tokenizer, instruction), *sound, *suffix_ids(tokenizer, thinking)]
