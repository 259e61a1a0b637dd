"""A Higgs Audio v3 STT checkpoint that is whole."""

from dataclasses import dataclass
from pathlib import Path

from antiphon_server.model.stored_weights import StoredWeights
from antiphon_server.model.stt.config import SttConfig
from antiphon_server.model.stt.inspection import inspect_stt


@dataclass(frozen=True, slots=True)
class SttCheckpoint(StoredWeights):
    """A checkpoint that is whole."""

    folder: Path
    config: SttConfig


def open_stt(folder: Path) -> SttCheckpoint:
    """Open a checkpoint after checking all names and shapes.

    Raises:
        ModelNotInstalled: If anything is missing, extra, mis-shaped or cut; the message lists what.
    """
    report = inspect_stt(folder)
    if report.problems or report.config is None:
        raise report.refusal()
    return SttCheckpoint(report.tensors, folder, report.config)
