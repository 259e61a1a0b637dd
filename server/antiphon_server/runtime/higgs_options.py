"""Options of Higgs Audio v3 TTS, and the memory that they ask for. No torch here."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from antiphon_server.model.inspection import Report, inspect_checkpoint
from antiphon_server.model.memory_plan import CPU_BLOCKS, MemoryPlan, memory_plan
from antiphon_server.runtime.checkpoint_options import CheckpointOptions, on_device


@dataclass(frozen=True, slots=True)
class HiggsOptions(CheckpointOptions):
    """Options of this engine."""

    role: ClassVar[str] = "tts"
    model: ClassVar[str] = "Higgs Audio v3 TTS"

    guard: bool = True
    """Whether speech that does not end is cut and called RUNAWAY, where a call says nothing: rows by the length of the
    text, and silence."""

    def plan(self, folder: Path, available: int | None) -> MemoryPlan:
        """See ``CheckpointOptions``."""
        return plan_of(self, usable(folder), available)


def usable(folder: Path) -> Report:
    """Inspect a checkpoint.

    Raises:
        ModelNotInstalled: If anything is wrong with it; the message lists what.
    """
    report = inspect_checkpoint(folder)
    if report.problems:
        raise report.refusal()
    return report


def plan_of(options: HiggsOptions, report: Report, available: int | None) -> MemoryPlan:
    """Plan the memory of a checkpoint without problems, where ``available`` bytes are free; None: nobody knows."""
    assert report.config is not None
    assert report.codec is not None
    plan = memory_plan(
        report.config,
        report.codec,
        report.tensors,
        dtype=options.dtype,
        num_blocks=options.num_blocks or CPU_BLOCKS,
        max_concurrent_calls=options.max_concurrent_calls,
    )
    return on_device(options, plan, available)
