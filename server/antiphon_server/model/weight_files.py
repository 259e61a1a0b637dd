"""The weight files of a folder, their headers, and what is wrong with them whatever the model."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from antiphon_server.codec.sizes import Shape
from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.headers import Stored, read_header

INDEX = "model.safetensors.index.json"
_DTYPES = ("BF16", "F16", "F32")
_MAX_LISTED = 12
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.safetensors")
_UNFINISHED = ("*.incomplete", "*.part", "*.crdownload", ".cache/huggingface/download/**/*.incomplete")


def refusal_of(problems: Sequence[str]) -> ModelNotInstalled:
    """Put the problems of a checkpoint into one error."""
    listed = "; ".join(problems[:_MAX_LISTED])
    more = len(problems) - _MAX_LISTED
    return ModelNotInstalled(f"the checkpoint is not usable: {listed}" + (f"; and {more} more" if more > 0 else ""))


def read_headers(folder: Path, problems: list[str]) -> tuple[dict[str, Stored], bool]:
    """Read all headers; the second value is whether there are files, and none is missing or damaged."""
    found: dict[str, Stored] = {}
    before = len(problems)
    if not any(folder.glob("*.safetensors")) and not (folder / INDEX).is_file():
        problems.append("there is no *.safetensors file")
    for path in _weight_files(folder, problems):
        try:
            found |= read_header(path)
        except ModelNotInstalled as error:
            problems.append(error.message)
    is_whole = len(problems) == before and bool(found)
    if not is_whole:  # beside whole files it is only what an earlier try left
        unfinished = sorted(path.name for pattern in _UNFINISHED for path in folder.glob(pattern))
        problems += [f"{name} is the rest of a download that was not finished" for name in unfinished]
    return found, is_whole


def _weight_files(folder: Path, problems: list[str]) -> list[Path]:
    index = folder / INDEX
    names = {path.name for path in folder.glob("*.safetensors")}
    listed = {wanted for name in names for wanted in _siblings(name)}
    if index.is_file():
        try:
            listed = {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
            names &= listed
        except (ValueError, KeyError, AttributeError, TypeError, OSError):
            problems.append(f"{INDEX} is damaged")
    problems += [f"{name} is missing" for name in sorted(listed - names)]
    return [folder / name for name in sorted(names)]


def _siblings(name: str) -> Iterator[str]:
    """Name all files of a set such as ``model-00001-of-00003.safetensors``."""
    if shard := _SHARD.fullmatch(name):
        for number in range(1, int(shard[3]) + 1):
            yield f"{shard[1]}-{number:05d}-of-{shard[3]}.safetensors"


def mismatches(expected: Mapping[str, Shape], tensors: Mapping[str, Stored]) -> Iterator[str]:
    """Name tensors that are there, but of another shape or type."""
    for name in sorted(expected.keys() & tensors.keys()):
        stored = tensors[name]
        if stored.shape != expected[name]:
            yield f"{name} has shape {list(stored.shape)}, expected {list(expected[name])}"
        elif stored.dtype not in _DTYPES:
            yield f"{name} has type {stored.dtype}, expected one of {', '.join(_DTYPES)}"
