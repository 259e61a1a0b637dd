"""What a folder holds of Higgs Audio v3 STT, and everything that is wrong with it; never read from the weights."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.headers import Stored
from antiphon_server.model.inspection import TOKENIZER
from antiphon_server.model.stt.config import SttConfig, read_stt_config
from antiphon_server.model.stt.layout import IGNORED, TEXT_HEAD, stt_shapes
from antiphon_server.model.weight_files import mismatches, read_headers, refusal_of


@dataclass(frozen=True, slots=True)
class SttReport:
    """What a folder holds; usable if ``problems`` is empty."""

    config: SttConfig | None = None
    tensors: Mapping[str, Stored] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def num_parameters(self) -> int:
        """Values in all tensors that are read."""
        return sum(stored.num_values for name, stored in self.tensors.items() if not name.startswith(IGNORED))

    def refusal(self) -> ModelNotInstalled:
        """Put the problems into one error."""
        return refusal_of(self.problems)


def inspect_stt(folder: Path) -> SttReport:
    """Read config and headers, and list everything that is wrong."""
    if not folder.is_dir():
        return SttReport(problems=(f"{folder} is no folder",))
    config, problems = _config(folder)
    if not (folder / TOKENIZER).is_file():
        problems.append(f"{TOKENIZER} is missing")
    tensors, is_whole = read_headers(folder, problems)
    if config is not None and tensors:
        problems += _wrong_tensors(config, tensors, is_whole=is_whole)
    return SttReport(config, tensors, tuple(problems))


def _config(folder: Path) -> tuple[SttConfig | None, list[str]]:
    try:
        return read_stt_config(folder), []
    except ModelNotInstalled as error:
        return None, [error.message]


def _wrong_tensors(config: SttConfig, tensors: Mapping[str, Stored], *, is_whole: bool) -> Iterator[str]:
    expected = stt_shapes(config)
    for name in sorted(tensors.keys() - expected.keys()):
        if not name.startswith(IGNORED):
            yield f"{name} is not of this model"
    yield from mismatches(expected, tensors)
    if is_whole:  # else the names of all that was in the rest would hide which file to fetch
        for name in sorted(expected.keys() - tensors.keys()):
            why = "; the head is not the embedding, whatever tie_word_embeddings says" if name == TEXT_HEAD else ""
            yield f"{name} is missing{why}"
