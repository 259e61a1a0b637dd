"""Safetensors files of seeded noise.

A tensor's noise depends on the seed and its name only, so any order and any number of processes write the same bytes.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from antiphon_server.codec.sizes import Shape

Spread = Callable[[str, Shape], tuple[float, float]]
"""Mean and deviation of a tensor's noise, from its name and shape."""
_PIECE_VALUES = 1 << 22


def new_folder(folder: Path) -> None:
    """Make a folder that is new or empty.

    Raises:
        FileExistsError: If the folder holds anything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")


def write_noise(
    folder: Path,
    files: Mapping[str, Mapping[str, Shape]],
    spread: Spread,
    *,
    seed: int,
    copies: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> None:
    """Write files of bf16 noise.

    Args:
        folder: Where; it exists.
        files: Shapes of the tensors of every file.
        spread: Of a tensor's values.
        seed: Of the noise.
        copies: Tensors that hold what another one does.
        progress: Told the bytes written and the bytes in all.
    """
    jobs, num_all = [], 0
    for file_name, shapes in files.items():
        header, at, num_bytes = _header(shapes)
        path = folder / file_name
        with path.open("wb") as file:
            file.write(header)
            file.truncate(len(header) + num_bytes)
        num_all += num_bytes
        for name, shape in shapes.items():
            of = (copies or {}).get(name, name)
            jobs.append(_Job(path, len(header) + at[name], of, shape, seed, *spread(of, shape)))
    _write_all(sorted(jobs, key=lambda job: -job.num_values), progress, num_all)


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    at: int
    name: str
    shape: Shape
    seed: int
    mean: float
    deviation: float

    @property
    def num_values(self) -> int:
        return int(np.prod(self.shape))


def _header(shapes: Mapping[str, Shape]) -> tuple[bytes, dict[str, int], int]:
    """Lay the tensors out one after the other, as the safetensors format has it."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at, end = {}, 0
    for name in sorted(shapes):
        at[name], begin = end, end
        end += int(np.prod(shapes[name])) * 2
        entries[name] = {"dtype": "BF16", "shape": list(shapes[name]), "data_offsets": [begin, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, at, end


def _write_all(jobs: Iterable[_Job], progress: Callable[[int, int], None], num_bytes: int) -> None:
    jobs, done = list(jobs), 0
    if num_bytes < 1 << 28:  # starting processes would take longer
        for job in jobs:
            done += _write(job)
            progress(done, num_bytes)
        return
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
        for written in pool.map(_write, jobs):
            done += written
            progress(done, num_bytes)


def _write(job: _Job) -> int:
    noise = np.random.Generator(np.random.Philox(_key(job.seed, job.name)))
    with job.path.open("r+b") as file:
        file.seek(job.at)
        for begin in range(0, job.num_values, _PIECE_VALUES):
            num = min(_PIECE_VALUES, job.num_values - begin)
            values = noise.standard_normal(num, dtype=np.float32) * np.float32(job.deviation) + np.float32(job.mean)
            file.write(_to_bf16(values).tobytes())
    return job.num_values * 2


def _key(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16], "little")


def _to_bf16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Round to the nearest, ties to even."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
