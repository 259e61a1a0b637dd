"""The tensors of a checkpoint, read straight to where they belong."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.headers import Stored
from antiphon_server.telemetry.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """What the headers of a checkpoint that is whole say of its tensors."""

    tensors: Mapping[str, Stored]

    def fill(self, wanted: Mapping[str, torch.Tensor], progress: Progress = silent) -> None:
        """Read all of ``wanted`` and tell ``progress`` the bytes of the files; see ``read``."""
        num_all, num_done = sum(self.tensors[name].num_bytes for name in wanted), 0
        for name in self.read(wanted):
            num_done += self.tensors[name].num_bytes
            progress(num_done, num_all)

    def read(self, wanted: Mapping[str, torch.Tensor]) -> Iterator[str]:
        """Copy tensors into ``wanted``, converted to its dtypes, and yield each name when it is there.

        They are read in the order of the file, so that a disk reads ahead. The file is mapped: what is not copied yet
        takes no memory of ours.

        Raises:
            ModelNotInstalled: If a file cannot be read any more.
        """
        for path in sorted({self.tensors[name].path for name in wanted}):
            names = [name for name in wanted if self.tensors[name].path == path]
            with _opened(path) as file:
                for name in sorted(names, key=lambda name: self.tensors[name].begin):
                    wanted[name].copy_(file.get_tensor(name))
                    yield name


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelNotInstalled(f"{path.name} is cut or damaged, maybe half downloaded") from error
