"""What every model from a checkpoint goes through before it is loaded: its device, its memory, and its revision."""

import hashlib
import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import torch

from antiphon_server.errors import InvalidField
from antiphon_server.model.available_memory import available_bytes
from antiphon_server.model.headers import Stored
from antiphon_server.model.memory_plan import BLOCK_SIZE, MemoryPlan
from antiphon_server.runtime.checkpoint_options import CheckpointOptions
from antiphon_server.runtime.cuda.device import cuda_device, free_bytes
from antiphon_server.runtime.cuda.graph_runner import INVARIANT_ROWS, GraphSettings
from antiphon_server.runtime.eager_runner import RunnerSizes

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
_COMMIT = re.compile("[0-9a-f]{40}")

_log = logging.getLogger(__name__)
_Loaded = TypeVar("_Loaded")


def device_of(options: CheckpointOptions) -> torch.device:
    """Check the options, and find the device that they name.

    Raises:
        InvalidField: If one cannot be used, or the device will not do.
    """
    options.check()
    torch.set_num_threads(options.threads)
    return torch.device("cpu") if options.device == "cpu" else cuda_device(options.device)


def placed(
    device: torch.device, plan_for: Callable[[int | None], MemoryPlan], place: Callable[[MemoryPlan], _Loaded]
) -> _Loaded:
    """Plan the memory that is free, refuse what cannot fit, and load.

    Raises:
        InvalidField: If it does not fit, or memory runs out although it seemed to.
    """
    available = available_bytes() if device.type == "cpu" else free_bytes(device)
    plan = plan_for(available)
    plan.check(available)
    if remark := plan.remark(available):
        _log.warning("memory: %s", remark)
    try:
        return place(plan)
    except torch.OutOfMemoryError as error:
        raise InvalidField(plan.shortage(available), field="num_blocks") from error


def runner_sizes(options: CheckpointOptions, num_blocks: int) -> RunnerSizes:
    """Say how a runner is built."""
    return {
        "num_blocks": num_blocks,
        "block_size": BLOCK_SIZE,
        "max_sequences": options.max_concurrent_calls,
        "is_invariant": options.determinism == "batch_invariant",
    }


def graph_settings(options: CheckpointOptions, num_blocks: int) -> GraphSettings:
    """Say how the steps of a GPU are built."""
    return GraphSettings(**runner_sizes(options, num_blocks), is_eager=not options.graphs)


def revision(folder: Path, tensors: Iterable[Stored], options: CheckpointOptions) -> str:
    """Say what decides what is computed: the weights, and how their matrix products are."""
    kind = options.device.partition(":")[0]
    rows = "any" if options.determinism == "fast" else options.max_concurrent_calls if kind == "cpu" else INVARIANT_ROWS
    return f"{_weights(folder, tensors)}-{options.dtype}-{kind}-{rows}"


def _weights(folder: Path, tensors: Iterable[Stored]) -> str:
    """Say the hub's commit, or else digest names, sizes and times; hashing 9 GB would take longer than loading them."""
    if folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name):
        return folder.name
    digest = hashlib.sha256()
    for path in sorted({stored.path for stored in tensors}):
        about = path.stat()
        digest.update(f"{path.name}:{about.st_size}:{about.st_mtime_ns}".encode())
    return digest.hexdigest()
