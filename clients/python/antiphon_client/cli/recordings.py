"""Which files ``antiphon transcribe`` reads, and what it writes beside each."""

import glob
import mimetypes
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from antiphon_client.cli.failure import CommandFailed, wrong_usage

FORMATS = ("txt", "srt", "vtt", "json")
"""What can be written beside a recording; also the endings that are not looked at in folders."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A file to transcribe."""

    path: Path
    is_named: bool
    """The caller named it or a pattern that fits it; otherwise it was found in a folder."""
    outputs: tuple[tuple[str, Path], ...] = ()
    """Format and file of each transcript."""

    @property
    def must_be_audio(self) -> bool:
        """Whether it is a failure, and not just a file of another kind, if there is no sound in it."""
        kind = mimetypes.guess_type(self.path.name)[0] or ""
        return self.is_named or kind.startswith(("audio/", "video/"))


def find(paths: Sequence[str], *, is_recursive: bool) -> list[Recording]:
    """Resolve files, folders and patterns, each file once, in the order given and by name within a folder.

    Hidden files, those that end as transcripts do, and what is no file, such as a pipe, are not looked at in folders. A
    file that does not exist stays in the list: opening it says why it fails.

    Raises:
        CommandFailed: If a pattern fits nothing, or nothing at all was found.
    """
    found: dict[Path, Recording] = {}
    for path in (each for given in paths for each in _matches(given)):
        is_folder = path.is_dir()
        for file in _files_in(path, is_recursive=is_recursive) if is_folder else (path,):
            found.setdefault(file.resolve(), Recording(file, is_named=not is_folder))
    if not found:
        raise CommandFailed(f"no files to transcribe in {', '.join(paths)}")
    return list(found.values())


def with_outputs(recordings: Iterable[Recording], formats: Sequence[str]) -> list[Recording]:
    """Name the transcripts: ``talk.txt`` for ``talk.mp3``; ``talk.mp3.txt`` where ``talk.wav`` stands beside it."""
    planned = list(recordings)
    num_by_stem = Counter(_stem(recording.path) for recording in planned)
    return [_planned(recording, formats, is_alone=num_by_stem[_stem(recording.path)] == 1) for recording in planned]


def _planned(recording: Recording, formats: Sequence[str], *, is_alone: bool) -> Recording:
    path = recording.path
    base = path.with_suffix("") if is_alone else path
    outputs = tuple((each, base.with_name(f"{base.name}.{each}")) for each in formats)
    return Recording(path, recording.is_named, outputs)


def _stem(path: Path) -> Path:
    return path.with_suffix("").absolute()


def _matches(given: str) -> list[Path]:
    if os.path.lexists(given) or not glob.has_magic(given):
        return [Path(given)]
    matches = sorted(glob.glob(given, recursive=True))  # noqa: PTH207 - a pattern may be absolute
    if not matches:
        raise wrong_usage(f"{given}: no file fits this pattern")
    return [Path(match) for match in matches]


def _files_in(folder: Path, *, is_recursive: bool) -> Iterator[Path]:
    for name, below, files in os.walk(folder, onerror=_refuse):
        below[:] = sorted(each for each in below if not each.startswith(".")) if is_recursive else []
        for file in sorted(files):
            path = Path(name, file)
            is_ours = file.startswith(".") or path.suffix.lower().removeprefix(".") in FORMATS
            if not is_ours and (path.is_file() or not path.exists()):  # to open a pipe is to wait for its writer
                yield path


def _refuse(error: OSError) -> None:
    raise error
