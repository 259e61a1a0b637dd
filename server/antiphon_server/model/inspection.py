"""What a folder holds, and everything that is wrong with it: read from config and headers, never from the weights."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from antiphon_server.codec.sizes import CodecSizes, Shape, sizes_of
from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.headers import Stored, read_header
from antiphon_server.model.higgs_config import HiggsConfig, read_config
from antiphon_server.model.layout import CODEC_PREFIX, DUPLICATES, backbone_shapes, checkpoint_shapes

INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
_DTYPES = ("BF16", "F16", "F32")
_MAX_LISTED = 12
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.safetensors")
_UNFINISHED = ("*.incomplete", "*.part", "*.crdownload", ".cache/huggingface/download/**/*.incomplete")
_V2_PARTS = ("audio_mlp", "audio_input_layernorm", "audio_post_attention_layernorm", "audio_codebook_embeddings")


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
        return sum(stored.num_values for name, stored in self.tensors.items() if name not in DUPLICATES)

    def refusal(self) -> ModelNotInstalled:
        """Put the problems into one error."""
        listed = "; ".join(self.problems[:_MAX_LISTED])
        more = len(self.problems) - _MAX_LISTED
        return ModelNotInstalled(f"the checkpoint is not usable: {listed}" + (f"; and {more} more" if more > 0 else ""))


def inspect_checkpoint(folder: Path) -> Report:
    """Read config and headers, never the weights, and list everything that is wrong."""
    if not folder.is_dir():
        return Report(problems=(f"{folder} is no folder",))
    config, problems = _config(folder)
    if not (folder / TOKENIZER).is_file():
        problems.append(f"{TOKENIZER} is missing")
    tensors, is_whole = _read_headers(folder, problems)
    if config is None or not tensors:
        return Report(config, tensors=tensors, problems=tuple(problems))
    codec, expected = _expected(config, tensors, problems if is_whole else [])
    problems += _strange(expected, tensors)
    if is_whole:  # else the names of all that was in the rest would hide which file to fetch
        problems += [f"{name} is missing" for name in sorted(expected.keys() - tensors.keys())]
    return Report(config, codec, tensors, tuple(problems))


def _config(folder: Path) -> tuple[HiggsConfig | None, list[str]]:
    try:
        return read_config(folder), []
    except ModelNotInstalled as error:
        return None, [error.message]


def _read_headers(folder: Path, problems: list[str]) -> tuple[dict[str, Stored], bool]:
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


def _strange(expected: Mapping[str, Shape], tensors: Mapping[str, Stored]) -> Iterator[str]:
    """Name tensors of another model, of another shape or of another type."""
    is_partial = not any(name.startswith(CODEC_PREFIX) for name in expected)
    extra = sorted(tensors.keys() - expected.keys() - set(DUPLICATES))
    of_v2 = [name for name in extra if any(part in name for part in _V2_PARTS)]
    if of_v2:
        yield f"{len(of_v2)} tensors are of Higgs Audio v2, which is another model: {of_v2[0]}"
    for name in extra:
        if name not in of_v2 and not (is_partial and name.startswith(CODEC_PREFIX)):
            yield f"{name} is not of this model"
    for name in sorted(expected.keys() & tensors.keys()):
        stored = tensors[name]
        if stored.shape != expected[name]:
            yield f"{name} has shape {list(stored.shape)}, expected {list(expected[name])}"
        elif stored.dtype not in _DTYPES:
            yield f"{name} has type {stored.dtype}, expected one of {', '.join(_DTYPES)}"
