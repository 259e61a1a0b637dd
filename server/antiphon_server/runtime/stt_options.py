"""Options of Higgs Audio v3 STT, what a job may ask of it, and the memory that it takes. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from antiphon_server.engine.protocol import EngineInfo, ListenJob
from antiphon_server.errors import InvalidField
from antiphon_server.model.memory_plan import CPU_BLOCKS, MemoryPlan
from antiphon_server.model.stt.chunks import positions_of
from antiphon_server.model.stt.config import SttConfig
from antiphon_server.model.stt.inspection import inspect_stt
from antiphon_server.model.stt.memory_plan import stt_memory_plan
from antiphon_server.model.stt.prompt import Thinking
from antiphon_server.runtime.checkpoint_options import CheckpointOptions, on_device
from antiphon_server.runtime.job_limits import check_options
from antiphon_server.text.language_tag import primary_subtag

THINKINGS = tuple(each.value for each in Thinking)
MAX_INSTRUCTION = 1024
"""Characters."""


@dataclass(frozen=True, slots=True)
class SttOptions(CheckpointOptions):
    """Options of this engine."""

    role: ClassVar[str] = "stt"
    model: ClassVar[str] = "Higgs Audio v3 STT"

    thinking: str = "auto"
    """auto, on or off, where a call says nothing."""
    guard: bool = True
    """Whether words that the model is very unsure of are left out and reported, where a call says nothing."""
    max_piece_s: int = field(default=28, metadata={"least": 4})
    """Longest audio of one prompt, in seconds; up to what 32,768 positions hold, 12.5 a second."""

    def check(self) -> None:
        """Refuse what cannot be used; see ``CheckpointOptions``."""
        CheckpointOptions.check(self)
        if self.thinking not in THINKINGS:
            raise InvalidField(
                f"thinking must be one of {', '.join(THINKINGS)}, not {self.thinking!r}", field="thinking"
            )

    def plan(self, folder: Path, available: int | None) -> MemoryPlan:
        """See ``CheckpointOptions``."""
        report = inspect_stt(folder)
        if report.problems or report.config is None:
            raise report.refusal()
        return plan_of(self, report.config, available)


def plan_of(options: SttOptions, config: SttConfig, available: int | None) -> MemoryPlan:
    """Plan the memory of a model, where ``available`` bytes are free; None: nobody knows."""
    plan = stt_memory_plan(
        config,
        dtype=options.dtype,
        num_blocks=options.num_blocks or CPU_BLOCKS,
        max_concurrent_calls=options.max_concurrent_calls,
        piece_positions=positions_of(options.max_piece_s),
    )
    return on_device(options, plan, available)


def check_job(job: ListenJob, info: EngineInfo) -> Mapping[str, object]:
    """Refuse what this model cannot do, whoever let it through; return the options in effect.

    Raises:
        InvalidField: Naming the field, its limits and the value.
    """
    if not job.pcm or len(job.pcm) % 2:
        raise InvalidField(f"pcm must be whole 16-bit samples, 1 at least, not {len(job.pcm)} bytes", field="pcm")
    language = primary_subtag(job.language)
    if language and language not in info.languages:
        raise InvalidField(
            f"language {job.language[:20]!r} is not one of the model's: {', '.join(info.languages)}", field="language"
        )
    if job.is_translation:
        raise InvalidField("this model does not translate", field="is_translation")
    if job.thinking.lower() not in THINKINGS:
        raise InvalidField(f"thinking must be one of {', '.join(THINKINGS).upper()}", field="thinking")
    check_options(job.options, info.call_options)
    options = {**info.call_options, **job.options}
    if len(str(options["instruction"])) > MAX_INSTRUCTION:
        raise InvalidField(
            f"options.instruction must be at most {MAX_INSTRUCTION} characters, not {len(str(options['instruction']))}",
            field="options",
        )
    return options
