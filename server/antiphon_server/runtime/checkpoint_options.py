"""Options that every model from a checkpoint has, checked before anything is loaded. No torch here."""

import re
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from antiphon_server.engine.options import parse_options
from antiphon_server.errors import InvalidField
from antiphon_server.model.available_memory import available_bytes
from antiphon_server.model.hub import find_checkpoint
from antiphon_server.model.memory_plan import BYTES_OF_DTYPE, LEAST_BLOCKS, MemoryPlan
from antiphon_server.telemetry.progress import Progress, silent

_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,2})?")
DETERMINISMS = ("batch_invariant", "fast")
MOST_CALLS = 64
"""Rows of one decode step; a call's bits must not depend on how many others there are."""


@dataclass(frozen=True, slots=True)
class CheckpointOptions(ABC):
    """Options of an engine whose model is a checkpoint."""

    role: ClassVar[str] = ""
    """How settings call what it does."""
    model: ClassVar[str] = ""
    """What people call it."""

    checkpoint: str = ""
    """Folder of the checkpoint, or its id on a hub: ``owner/name`` or ``owner/name@revision``. Required."""
    device: str = "cpu"
    """cpu, cuda or cuda:N."""
    dtype: str = "bfloat16"
    """bfloat16, as published, or float32."""
    threads: int = field(default=2, metadata={"least": 1})
    """Threads of one operation on a CPU."""
    max_concurrent_calls: int = field(default=16, metadata={"least": 1})
    num_blocks: int = field(default=0, metadata={"least": 0})
    """Blocks of 16 positions for keys and values, 64 at least. 0: 2048 on a CPU; on a GPU as many as fit, up to what
    ``max_concurrent_calls`` of the longest sequence can use."""
    determinism: str = "batch_invariant"
    """batch_invariant: what a call gets does not depend on what is computed beside it. fast: it may."""
    graphs: bool = True
    """Whether a GPU replays captured graphs; without them it is slower, for comparison only."""

    @abstractmethod
    def plan(self, folder: Path, available: int | None) -> MemoryPlan:
        """Plan the memory of a checkpoint where ``available`` bytes are free; None: nobody knows.

        Raises:
            ModelNotInstalled: If anything is wrong with the checkpoint; the message lists what.
        """

    def check(self) -> None:
        """Refuse what cannot be used.

        Raises:
            InvalidField: If there is no checkpoint, or another option is unknown or out of range.
        """
        if not self.checkpoint:
            raise InvalidField(
                f"{self.role}.checkpoint is required: the folder of a {self.model} checkpoint, or its id on a hub",
                field="checkpoint",
            )
        if not _DEVICE.fullmatch(self.device):
            raise InvalidField(f"device must be cpu, cuda or cuda:N, not {self.device!r}", field="device")
        if self.determinism not in DETERMINISMS:
            raise InvalidField(
                f"determinism must be {' or '.join(DETERMINISMS)}, not {self.determinism!r}", field="determinism"
            )
        if 0 < self.num_blocks < LEAST_BLOCKS:
            raise InvalidField(f"num_blocks must be at least {LEAST_BLOCKS}, not {self.num_blocks}", field="num_blocks")
        if self.dtype not in BYTES_OF_DTYPE:
            raise InvalidField(f"dtype must be {' or '.join(BYTES_OF_DTYPE)}, not {self.dtype!r}", field="dtype")
        if self.max_concurrent_calls > MOST_CALLS:
            raise InvalidField(
                f"max_concurrent_calls must be 1 to {MOST_CALLS}, not {self.max_concurrent_calls}",
                field="max_concurrent_calls",
            )


def settled(
    options: Mapping[str, object], kind: type[CheckpointOptions], progress: Progress = silent
) -> dict[str, object]:
    """Check options and put the folder in place of an id, downloading what is missing.

    Raises:
        InvalidField: If an option is unknown or out of range, or the GPU will not do.
        ModelNotInstalled: If there is no such checkpoint, or it cannot be downloaded.
    """
    checked = parse_options(options, kind)
    checked.check()
    if checked.device != "cpu":
        _check_gpu(checked.device)
    return {**options, "checkpoint": str(find_checkpoint(checked.checkpoint, progress))}


def _check_gpu(device: str) -> None:
    """Ask another process, before gigabytes are fetched: torch stays out of this one."""
    command = [sys.executable, "-m", "antiphon_server.runtime.cuda.device", device]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    if refusal := asked.stdout.strip():
        raise InvalidField(refusal, field="device")
    if asked.returncode:
        raise InvalidField(
            f"device {device!r} cannot be looked at ({asked.stderr.strip().splitlines()[-1][:200]}): "
            "install the higgs extra, which brings torch",
            field="device",
        )


def explained(options: Mapping[str, object], kind: type[CheckpointOptions]) -> Iterator[str]:
    """Lay out the memory that options ask for, without loading or downloading anything.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If the checkpoint is not on this machine, or not usable.
    """
    checked = parse_options(options, kind)
    checked.check()
    folder = find_checkpoint(checked.checkpoint, may_download=False)
    available = available_bytes() if checked.device == "cpu" else None
    plan = checked.plan(folder, available)
    yield f"memory of {checked.model} in {checked.dtype} on {checked.device}, by the headers of {folder}"
    yield from plan.lines(available)
    if remark := plan.remark(available):
        yield remark


def on_device(options: CheckpointOptions, plan: MemoryPlan, available: int | None) -> MemoryPlan:
    """Fit a plan that was made for a CPU to where it is computed; a GPU is filled, unless blocks are asked for."""
    if options.device == "cpu":
        return plan
    plan = plan.on_gpu()
    return plan if options.num_blocks else plan.filling(available)
