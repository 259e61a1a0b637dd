"""A Higgs Audio v3 TTS checkpoint that is whole."""

from dataclasses import dataclass
from pathlib import Path

import torch

from antiphon_server.codec.sizes import CodecSizes
from antiphon_server.model.higgs_config import HiggsConfig
from antiphon_server.model.inspection import Report, inspect_checkpoint
from antiphon_server.model.layout import CODEC_PREFIX
from antiphon_server.model.stored_weights import StoredWeights


@dataclass(frozen=True, slots=True)
class Checkpoint(StoredWeights):
    """A checkpoint that is whole."""

    folder: Path
    config: HiggsConfig
    codec: CodecSizes
    report: Report

    def read_codec(self) -> dict[str, torch.Tensor]:
        """Read the codec's tensors in fp32, by their names without the prefix."""
        wanted = self.codec_buffers()
        self.fill(wanted)
        return {name.removeprefix(CODEC_PREFIX): tensor for name, tensor in wanted.items()}

    def codec_buffers(self) -> dict[str, torch.Tensor]:
        """Allocate the codec's tensors in fp32, by their full names."""
        return {CODEC_PREFIX + name: torch.empty(shape) for name, shape in self.codec.shapes().items()}


def open_checkpoint(folder: Path) -> Checkpoint:
    """Open a checkpoint after checking all names and shapes.

    Raises:
        ModelNotInstalled: If anything is missing, extra, mis-shaped or cut; the message lists what.
    """
    report = inspect_checkpoint(folder)
    if report.problems or report.config is None or report.codec is None:
        raise report.refusal()
    return Checkpoint(report.tensors, folder, report.config, report.codec, report)
