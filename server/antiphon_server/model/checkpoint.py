"""A checkpoint on disk: what is in it, what is wrong with it, and its tensors, read straight to where they belong."""

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from antiphon_server.codec.sizes import CodecSizes, sizes_of
from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.higgs_config import HiggsConfig, read_config
from antiphon_server.model.layout import CODEC_PREFIX, DUPLICATES, Shape, backbone_shapes, checkpoint_shapes

INDEX = "model.safetensors.index.json"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
_DTYPES = ("BF16", "F16", "F32")
_MAX_LISTED = 12


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor as a file's header has it."""

    path: Path
    shape: Shape
    dtype: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a folder holds; usable if ``problems`` is empty."""

    config: HiggsConfig | None = None
    codec: CodecSizes | None = None
    tensors: Mapping[str, Stored] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def num_parameters(self) -> int:
        """Values in all tensors but the tied copies."""
        return sum(math.prod(stored.shape) for name, stored in self.tensors.items() if name not in DUPLICATES)


def inspect_checkpoint(folder: Path) -> Report:
    """Read config and headers, never the weights, and list everything that is wrong."""
    try:
        config = read_config(folder)
    except ModelNotInstalled as error:
        return Report(problems=(error.message,))
    problems: list[str] = []
    tensors = _read_headers(folder, problems)
    if not (folder / TOKENIZER).is_file():
        problems.append(f"{TOKENIZER} is missing")
    if not tensors:
        return Report(config=config, problems=(*problems, "there is no readable *.safetensors file"))
    codec, expected = _expected(config, tensors, problems)
    problems += _differences(expected, tensors)
    return Report(config, codec, tensors, tuple(problems))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that is whole."""

    folder: Path
    config: HiggsConfig
    codec: CodecSizes
    tensors: Mapping[str, Stored]

    def read(self, wanted: Mapping[str, torch.Tensor]) -> Iterator[str]:
        """Copy tensors into ``wanted``, converted to its dtypes, and yield each name when it is there.

        Raises:
            ModelNotInstalled: If a file cannot be read any more.
        """
        paths = sorted({self.tensors[name].path for name in wanted})
        for path in paths:
            with _opened(path) as file:
                for name in sorted(name for name in wanted if self.tensors[name].path == path):
                    wanted[name].copy_(file.get_tensor(name))
                    yield name

    def read_codec(self) -> dict[str, torch.Tensor]:
        """Read the codec's tensors in fp32, by their names without the prefix."""
        shapes = self.codec.shapes()
        wanted = {CODEC_PREFIX + name: torch.empty(shape) for name, shape in shapes.items()}
        for _ in self.read(wanted):
            pass
        return {name.removeprefix(CODEC_PREFIX): tensor for name, tensor in wanted.items()}


def open_checkpoint(folder: Path) -> Checkpoint:
    """Open a checkpoint after checking all names and shapes.

    Raises:
        ModelNotInstalled: If anything is missing, extra, mis-shaped or cut; the message lists what.
    """
    report = inspect_checkpoint(folder)
    if report.problems or report.config is None or report.codec is None:
        listed = "; ".join(report.problems[:_MAX_LISTED])
        more = len(report.problems) - _MAX_LISTED
        raise ModelNotInstalled(f"the checkpoint is not usable: {listed}" + (f"; and {more} more" if more > 0 else ""))
    return Checkpoint(folder, report.config, report.codec, report.tensors)


def _read_headers(folder: Path, problems: list[str]) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    for path in _weight_files(folder, problems):
        try:
            with _opened(path) as file:
                for name in file.keys():  # noqa: SIM118 - no mapping, it only has a method of this name
                    part = file.get_slice(name)
                    found[name] = Stored(path, tuple(part.get_shape()), part.get_dtype())
        except ModelNotInstalled as error:
            problems.append(error.message)
    return found


def _weight_files(folder: Path, problems: list[str]) -> list[Path]:
    index = folder / INDEX
    names = {path.name for path in folder.glob("*.safetensors")}
    if index.is_file():
        try:
            listed = {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
        except (ValueError, KeyError, AttributeError, TypeError):
            problems.append(f"{INDEX} is damaged")
            listed = names
        problems += [f"{name} is missing" for name in sorted(listed - names)]
        names &= listed
    return [folder / name for name in sorted(names)]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelNotInstalled(f"{path.name} is cut or damaged, maybe half downloaded") from error


def _expected(
    config: HiggsConfig, tensors: Mapping[str, Stored], problems: list[str]
) -> tuple[CodecSizes | None, dict[str, Shape]]:
    found = {name.removeprefix(CODEC_PREFIX): t.shape for name, t in tensors.items() if name.startswith(CODEC_PREFIX)}
    try:
        codec = sizes_of(found)
    except KeyError as error:
        problems.append(f"the codec cannot be recognised without {CODEC_PREFIX}{error.args[0]}")
        return None, backbone_shapes(config)
    except ValueError:
        problems.append("the codec cannot be recognised: a tensor has the wrong number of dimensions")
        return None, backbone_shapes(config)
    return codec, checkpoint_shapes(config, codec)


def _differences(expected: Mapping[str, Shape], tensors: Mapping[str, Stored]) -> Iterator[str]:
    is_partial = not any(name.startswith(CODEC_PREFIX) for name in expected)
    for name in sorted(expected.keys() - tensors.keys()):
        yield f"{name} is missing"
    for name in sorted(tensors.keys() - expected.keys() - set(DUPLICATES)):
        if not (is_partial and name.startswith(CODEC_PREFIX)):
            yield f"{name} is not of this model"
    for name in sorted(expected.keys() & tensors.keys()):
        stored = tensors[name]
        if stored.shape != expected[name]:
            yield f"{name} has shape {list(stored.shape)}, expected {list(expected[name])}"
        elif stored.dtype not in _DTYPES:
            yield f"{name} has type {stored.dtype}, expected one of {', '.join(_DTYPES)}"
