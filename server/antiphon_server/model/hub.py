"""Where a checkpoint comes from: a folder, or a model on a hub, by its id. Only an operator names either.

The hub's own client fetches and keeps the files; it reads HF_HOME, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE. Tensors
and JSON are fetched, and nothing that could run. What is here once is used without asking the hub again.
"""

import contextlib
import errno
import importlib
import io
import logging
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antiphon_server.errors import InvalidField, ModelNotInstalled
from antiphon_server.telemetry.progress import Progress, silent

FILES = ("config.json", "tokenizer.json", "*.safetensors", "model.safetensors.index.json")
ALIASES = {
    "higgs-audio-v3-tts-4b": "bosonai/higgs-audio-v3-tts-4b",
    "higgs-tts-3-4b": "bosonai/higgs-tts-3-4b",
}
"""Ids that may be given without their owner."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is asked for: one family of models, and how its users name it."""

    option: str = "checkpoint"
    """Where the name was given; errors name it."""
    files: tuple[str, ...] = FILES
    """Patterns of what is fetched."""
    aliases: Mapping[str, str] = field(default_factory=lambda: ALIASES)
    """Names that stand for ids."""
    or_else: str = ""
    """What else a name could have been, for errors."""
    extra: str = "higgs"
    """The extra that brings the hub's client."""


CHECKPOINT = Kind()
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_ID = re.compile(rf"({_NAME}/{_NAME})(?:@((?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{{0,127}}))?")
_GB = 1_000_000_000
_REFUSED = (401, 403)
_MISSING = 404


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model on a hub."""

    name: str
    """``owner/name``."""
    revision: str | None = None
    """Branch, tag or commit; None: the default branch."""

    def __str__(self) -> str:
        return self.name + (f"@{self.revision}" if self.revision else "")


def named(text: str, kind: Kind = CHECKPOINT) -> Path | HubModel:
    """Tell a folder from an id; what exists is a folder.

    Raises:
        InvalidField: If it is neither, or a file.
    """
    path = Path(text)
    with contextlib.suppress(RuntimeError):  # nobody has that name
        path = path.expanduser()
    if os.path.isdir(path):  # noqa: PTH112 - Path's own raises where a name is too long
        return path
    if os.path.exists(path):  # noqa: PTH110
        raise InvalidField(f"{kind.option} {text!r} is a file; give the folder that holds it", field=kind.option)
    alias, _, revision = text.partition("@")
    full = f"{kind.aliases[alias]}@{revision}".removesuffix("@") if alias in kind.aliases else text
    if found := _ID.fullmatch(full):
        return HubModel(found[1], found[2])
    raise InvalidField(
        f"{kind.option} {text!r} is neither a folder that is there nor a model's id, owner/name or owner/name@revision"
        f"{kind.or_else}",
        field=kind.option,
    )


def find_checkpoint(
    text: str, progress: Progress = silent, *, may_download: bool = True, kind: Kind = CHECKPOINT
) -> Path:
    """Find a checkpoint's folder, and download what of it is not on this machine.

    Args:
        text: A folder, or an id such as ``bosonai/higgs-audio-v3-tts-4b``, with ``@revision`` if one is wanted.
        progress: Told the bytes of a download.
        may_download: If not, an id that is not on this machine is an error.
        kind: What is fetched of it.

    Raises:
        InvalidField: If ``text`` is neither a folder nor an id.
        ModelNotInstalled: If the hub cannot be reached, refuses or has no such model, or the disk is full.
    """
    found = named(text, kind)
    if isinstance(found, Path):
        return found
    try:
        hub = importlib.import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        install = f"pip install 'antiphon[{kind.extra}]'"
        raise ModelNotInstalled(f"{found} is fetched with {error.name}: {install}") from error
    try:
        return _fetched(hub, found, kind.files, progress, may_download=may_download)
    except ModelNotInstalled:
        raise
    except Exception as error:  # whatever the client or what it stands on raises
        raise ModelNotInstalled(_reason(hub, found, error)) from error


def _fetched(
    hub: Any,  # noqa: ANN401 - a module
    model: HubModel,
    files: tuple[str, ...],
    progress: Progress,
    *,
    may_download: bool,
) -> Path:
    wanted = {"repo_id": model.name, "revision": model.revision, "allow_patterns": list(files)}
    try:
        return Path(hub.snapshot_download(**wanted, local_files_only=True))
    except hub.errors.LocalEntryNotFoundError:
        if not may_download:
            raise ModelNotInstalled(f"{model} is not on this machine yet, or not all of it") from None
    try:
        listed = hub.snapshot_download(**wanted, dry_run=True, tqdm_class=_bar(silent, 0))
    except hub.errors.DryRunError as error:
        raise error.__cause__ or error from None
    num_bytes = sum(file.file_size for file in listed if file.will_download)
    _check_room(model, Path(hub.constants.HF_HUB_CACHE), num_bytes)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # one line for each retry
    folder = Path(hub.snapshot_download(**wanted, tqdm_class=_bar(progress, num_bytes)))
    progress(num_bytes, num_bytes)
    return folder


def _check_room(model: HubModel, cache: Path, num_bytes: int) -> None:
    """Refuse a download that the disk cannot hold, rather than fail when the disk is full."""
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    num_free = shutil.disk_usage(place).free
    if num_bytes > num_free:
        raise ModelNotInstalled(
            f"{model} takes {num_bytes / _GB:.1f} GB, and {num_free / _GB:.1f} GB are free where it would be kept, in "
            f"{cache}; make room, or set HF_HOME to a folder on another disk"
        )


def _bar(progress: Progress, num_bytes: int) -> type:
    """Make the class of progress bars that the client counts with; what it shows goes to ``progress``."""
    most = [0]  # the client has a bar for bytes off the network and one for bytes on the disk

    class Bar(importlib.import_module("tqdm.std").tqdm):  # type: ignore[misc] # untyped
        monitor_interval = 0

        def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as it is called
            super().__init__(*args, **{**kwargs, "disable": False, "file": io.StringIO()})

        def display(self, *_args: Any, **_kwargs: Any) -> bool:  # noqa: ANN401 - as it is called
            if self.unit == "B":
                most[0] = max(most[0], int(self.n))
                progress(min(most[0], num_bytes), num_bytes)
            return True

        def close(self) -> None:
            """End without a last look: of what failed there is none to show."""

    return Bar


def _reason(hub: Any, model: HubModel, error: Exception) -> str:  # noqa: ANN401 - a module
    status = getattr(getattr(error, "response", None), "status_code", None)
    seen = f"status {status}" if status else type(error).__name__
    return (
        _refused_by_hub(hub.errors, model, error, status)
        or _refused_by_machine(hub, model, error)
        or f"there is no folder {model.name}, and as a model of the hub it could not be downloaded ({seen}): check the "
        "spelling, or network, proxy and HF_ENDPOINT, then start again; files that are whole are kept"
    )


def _refused_by_hub(errors: Any, model: HubModel, error: Exception, status: int | None) -> str:  # noqa: ANN401 - a module
    if isinstance(error, errors.GatedRepoError) or status in _REFUSED:
        return (
            f"the hub does not give {model} to this machine ({status}): accept its licence on its page there, and set "
            "HF_TOKEN to a token of the account that did; or its name is misspelt"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{model.name} has no revision {model.revision!r} on the hub"
    if isinstance(error, errors.RepositoryNotFoundError) or status == _MISSING:
        return f"there is no folder {model.name}, and no such model on the hub ({status}); check the spelling"
    return ""


def _refused_by_machine(hub: Any, model: HubModel, error: Exception) -> str:  # noqa: ANN401 - a module
    if isinstance(error, hub.errors.HFValidationError):
        return f"{model.name!r} cannot be a model's id"
    if isinstance(error, hub.errors.OfflineModeIsEnabled):
        return (
            f"{model} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it; fetch it first, or give a folder"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full while {model} is downloaded; make room, or set HF_HOME to a folder on another disk"
    if isinstance(error, PermissionError):
        return (
            f"{model} cannot be kept in {hub.constants.HF_HUB_CACHE}: {error.strerror}; set HF_HOME to another folder"
        )
    return ""
