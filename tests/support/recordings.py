"""Recordings of real speakers with their exact words: Debian's prompts for telephone exchanges, in five languages.

They are fetched by apt-get once, which proves who packed them; what is in them is pinned by a digest as well.
"""

import gzip
import hashlib
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

RATE_HZ = 16_000
CACHE = Path(__file__).parents[2] / ".cache" / "recordings"
MIN_WORDS = 4
_FETCH_LIMIT_S = 100


@dataclass(frozen=True, slots=True)
class Speaker:
    """One language's prompts: all of one studio speaker."""

    voice: str
    """The folder of the recordings in the package."""
    sha256: str
    """Of the names and contents of all files that are kept."""


SPEAKERS = {
    "en": Speaker("en_US_f_Allison", "5cc7a0a8c0140416e8440abecc5725d97229fbca055f1b016c69f5ed6f9a5fa8"),
    "es": Speaker("es_MX_f_Allison", "77c528d4b617b2436e111cbbe08311359befff9276c8a047c61a767e854c002b"),
    "fr": Speaker("fr_CA_f_June", "0af4e313f036c08f482e2513e5a63df0e11a7b1ceab050862a60f005a176ba4e"),
    "it": Speaker("it_IT_m_Carlo", "17403530502003c06bbd97b944f3b8eb6206959e81109b74516ba2b8bf054afa"),
    "ru": Speaker("ru_RU_f_IvrvoiceRU", "42aa9363768770cf9494144d3e1779da392cb7ae34c22316161068926d9f442b"),
}


@dataclass(frozen=True, slots=True)
class Recording:
    """What a person said, and its sound: 16 000 Hz, signed 16 bits."""

    name: str
    language: str
    text: str
    pcm: bytes

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.pcm) / 2 / RATE_HZ


def recordings(
    language: str, number: int, *, max_seconds: float = 120.0, min_words: int = MIN_WORDS
) -> list[Recording]:
    """Some prompts with at least so many words, spread evenly over their names; the same ones every time.

    Args:
        language: One of :data:`SPEAKERS`.
        number: How many, or all if there are fewer.
        max_seconds: Longer ones are left out.
        min_words: Shorter ones are left out.
    """
    folder = _folder(language)
    texts = _transcripts(folder / f"core-sounds-{language}.txt")
    sizes = {path.stem: path.stat().st_size for path in folder.glob("*.g722")}
    names = [
        name
        for name, text in sorted(texts.items())
        if len(text.split()) >= min_words and is_exact(text, language) and 0 < sizes.get(name, 0) <= max_seconds * 8000
    ]
    step = max(1.0, len(names) / number)
    chosen = [names[int(index * step)] for index in range(min(number, len(names)))]
    return [Recording(name, language, texts[name], _decoded(folder / f"{name}.g722")) for name in chosen]


def recording(language: str, name: str) -> bytes:
    """The sound of one prompt: 16 000 Hz, signed 16 bits."""
    return _decoded(_folder(language) / f"{name}.g722")


def is_exact(text: str, language: str) -> bool:
    """Whether a transcript says what is heard: no remark, no lost letter, no figure that has to be read out."""
    if re.search(r"[\[\]()<>]|\.\.\.", text):
        return False
    # The other lists hold "?" where a letter was lost, and figures that only the English normaliser spells out.
    return language == "en" or not re.search(r"[?\ufffd\d]|\.\.", text)


def _folder(language: str) -> Path:
    """Where a language's recordings lie, fetched on the first call; a test that cannot have them is skipped."""
    folder = CACHE / language
    if not folder.is_dir():
        _fetch(folder, language)
    return folder


def _fetch(folder: Path, language: str) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip("the recordings come from Debian packages; apt-get or dpkg-deb is missing")
    packages = (f"asterisk-core-sounds-{language}", f"asterisk-core-sounds-{language}-g722")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        work = Path(name)
        if (failure := _download(work, [], packages)) and (failure := _download(work, _own_lists(work), packages)):
            pytest.skip(f"apt-get cannot download the recordings: {failure}")
        for package in work.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(work / "files")], check=True, timeout=60)
        ready = _kept(work, language)
        if (found := digest_of(ready)) != SPEAKERS[language].sha256:
            pytest.skip(f"the recordings in {packages[1]} are not the pinned ones: sha256 {found}")
        if not folder.is_dir():  # another process may have been faster
            ready.rename(folder)


def _kept(work: Path, language: str) -> Path:
    """Gather what is used of the unpacked packages: the prompts and their words."""
    ready = work / "ready"
    ready.mkdir()
    for path in work.rglob(f"{SPEAKERS[language].voice}/*.g722"):
        shutil.copy(path, ready)
    (packed,) = work.rglob(f"core-sounds-{language}.txt*")
    words = packed.read_bytes()
    (ready / f"core-sounds-{language}.txt").write_bytes(gzip.decompress(words) if packed.suffix == ".gz" else words)
    return ready


def digest_of(folder: Path) -> str:
    """Sha256 over the names and the contents of a folder's files."""
    lines = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in sorted(folder.iterdir())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _download(work: Path, options: list[str], packages: tuple[str, ...]) -> str:
    """Download the packages; says what went wrong, or nothing."""
    command = ["apt-get", *options, "download", *packages]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False, timeout=_FETCH_LIMIT_S)
    return done.stderr.strip()[-200:] if done.returncode else ""


def _own_lists(work: Path) -> list[str]:
    """Fetch package lists of our own, which needs no root: a fresh machine may have none."""
    (work / "lists/partial").mkdir(parents=True)
    (work / "cache/archives/partial").mkdir(parents=True)
    options = [f"-oDir::State::Lists={work}/lists", f"-oDir::Cache={work}/cache"]
    subprocess.run(["apt-get", *options, "update"], capture_output=True, check=False, timeout=_FETCH_LIMIT_S)
    return options


def _transcripts(path: Path) -> dict[str, str]:
    lines = path.read_text("utf-8-sig").splitlines()
    pairs = (line.split(":", 1) for line in lines if ":" in line and not line.startswith(";"))
    return {name.strip(): text.strip() for name, text in pairs}


def _decoded(path: Path) -> bytes:
    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype("<i2").tobytes()
