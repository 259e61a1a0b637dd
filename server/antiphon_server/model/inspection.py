"""What a folder holds, and everything that is wrong with it: read from config and headers, never from the weights."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from antiphon_server.codec.sizes import CodecSizes, Shape, sizes_of
from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.headers import Stored
from antiphon_server.model.higgs_config import HiggsConfig, read_config
from antiphon_server.model.layout import CODEC_PREFIX, DUPLICATES, backbone_shapes, checkpoint_shapes
from antiphon_server.model.weight_files import mismatches, read_headers, refusal_of

TOKENIZER = "tokenizer.json"
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
        return refusal_of(self.problems)


def inspect_checkpoint(folder: Path) -> Report:
    """Read config and headers, never the weights, and list everything that is wrong."""
    if not folder.is_dir():
        return Report(problems=(f"{folder} is no folder",))
    config, problems = _config(folder)
    if not (folder / TOKENIZER).is_file():
        problems.append(f"{TOKENIZER} is missing")
    tensors, is_whole = read_headers(folder, problems)
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
    yield from mismatches(expected, tensors)
