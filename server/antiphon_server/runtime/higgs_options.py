"""Options of Higgs Audio v3 TTS, checked before anything is loaded; and the memory that they ask for. No torch here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from antiphon_server.engine.options import parse_options
from antiphon_server.errors import InvalidField
from antiphon_server.model.available_memory import available_bytes
from antiphon_server.model.hub import find_checkpoint
from antiphon_server.model.inspection import Report, inspect_checkpoint
from antiphon_server.model.memory_plan import BYTES_OF_DTYPE, LEAST_BLOCKS, MemoryPlan, memory_plan
from antiphon_server.telemetry.progress import Progress, silent

MOST_CALLS = 64
"""Rows of one decode step; a call's bits must not depend on how many others there are."""


@dataclass(frozen=True, slots=True)
class HiggsOptions:
    """Options of this engine."""

    checkpoint: str = ""
    """Folder of the checkpoint, or its id on a hub: ``owner/name`` or ``owner/name@revision``. Required."""
    device: str = "cpu"
    dtype: str = "bfloat16"
    """bfloat16, as published, or float32."""
    threads: int = field(default=2, metadata={"least": 1})
    """Threads of one operation on a CPU."""
    max_concurrent_calls: int = field(default=16, metadata={"least": 1})
    num_blocks: int = field(default=2048, metadata={"least": LEAST_BLOCKS})
    """Blocks of 16 positions for keys and values."""
    guard: bool = True
    """Whether speech that does not end is cut and called RUNAWAY, where a call says nothing: rows by the length of the
    text, and silence."""

    def check(self) -> None:
        """Refuse what this build cannot do.

        Raises:
            InvalidField: If there is no checkpoint, or device or dtype is unknown or not built.
        """
        if not self.checkpoint:
            raise InvalidField(
                "tts.checkpoint is required: the folder of a Higgs Audio v3 TTS checkpoint, or its id on a hub",
                field="checkpoint",
            )
        if self.device.partition(":")[0] == "cuda":
            raise InvalidField(
                f"device {self.device!r} needs a runtime for CUDA, which this version does not have; it computes on "
                "device 'cpu' alone",
                field="device",
            )
        if self.device != "cpu":
            raise InvalidField(f"device must be cpu, not {self.device!r}", field="device")
        if self.dtype not in BYTES_OF_DTYPE:
            raise InvalidField(f"dtype must be {' or '.join(BYTES_OF_DTYPE)}, not {self.dtype!r}", field="dtype")
        if self.max_concurrent_calls > MOST_CALLS:
            raise InvalidField(
                f"max_concurrent_calls must be 1 to {MOST_CALLS}, not {self.max_concurrent_calls}",
                field="max_concurrent_calls",
            )


def settled(options: Mapping[str, object], progress: Progress = silent) -> dict[str, object]:
    """Check options and put the folder in place of an id, downloading what is missing.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If there is no such checkpoint, or it cannot be downloaded.
    """
    checked = parse_options(options, HiggsOptions)
    checked.check()
    return {**options, "checkpoint": str(find_checkpoint(checked.checkpoint, progress))}


def explained(options: Mapping[str, object]) -> Iterator[str]:
    """Lay out the memory that options ask for, without loading or downloading anything.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If the checkpoint is not on this machine, or not usable.
    """
    checked = parse_options(options, HiggsOptions)
    checked.check()
    folder = find_checkpoint(checked.checkpoint, may_download=False)
    plan, available = plan_of(checked, usable(folder)), available_bytes()
    yield f"memory of Higgs Audio v3 TTS in {checked.dtype} on {checked.device}, by the headers of {folder}"
    yield from plan.lines(available)
    if remark := plan.remark(available):
        yield remark


def usable(folder: Path) -> Report:
    """Inspect a checkpoint.

    Raises:
        ModelNotInstalled: If anything is wrong with it; the message lists what.
    """
    report = inspect_checkpoint(folder)
    if report.problems:
        raise report.refusal()
    return report


def plan_of(options: HiggsOptions, report: Report) -> MemoryPlan:
    """Plan the memory of a checkpoint without problems."""
    assert report.config is not None
    assert report.codec is not None
    return memory_plan(
        report.config,
        report.codec,
        report.tensors,
        dtype=options.dtype,
        num_blocks=options.num_blocks,
        max_concurrent_calls=options.max_concurrent_calls,
    )
