"""Speech to test with: word error rates, WAV files and recordings of a real speaker."""

import gzip
import io
import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import jiwer
import numpy as np
import pytest
import soxr
from whisper_normalizer.english import EnglishTextNormalizer

LISTENING_RATE_HZ = 16_000
ENGLISH_PACKAGES = ("asterisk-core-sounds-en-g722", "asterisk-core-sounds-en")
FRENCH_PACKAGES = ("asterisk-core-sounds-fr-g722",)
CACHE = Path(__file__).parents[2] / ".cache" / "recordings"
NUM_RECORDINGS = 60
MIN_WORDS = 4

_normalized = EnglishTextNormalizer()


@dataclass(frozen=True)
class Recording:
    """What a person said, and its sound: 16 000 Hz, signed 16 bits."""

    name: str
    text: str
    pcm: bytes


def word_error_rate(reference: str | Sequence[str], hypothesis: str | Sequence[str]) -> float:
    """Errors per reference word after English normalisation; lists count as one corpus."""
    references = [reference] if isinstance(reference, str) else list(reference)
    hypotheses = [hypothesis] if isinstance(hypothesis, str) else list(hypothesis)
    return float(jiwer.wer(list(map(_normalized, references)), list(map(_normalized, hypotheses))))


def pcm_from_wav(wav: bytes) -> tuple[bytes, int]:
    """Return samples and rate of a 16-bit mono WAV file."""
    with wave.open(io.BytesIO(wav)) as file:
        assert file.getnchannels() == 1
        assert file.getsampwidth() == 2
        return file.readframes(file.getnframes()), file.getframerate()


def resampled(pcm: bytes, from_hz: int, to_hz: int = LISTENING_RATE_HZ) -> bytes:
    """Change the rate of 16-bit mono samples."""
    return soxr.resample(np.frombuffer(pcm, "<i2"), from_hz, to_hz).astype("<i2").tobytes()


def allison_recordings() -> list[Recording]:
    """Sixty prompts of one studio speaker with their exact words; fetched once by apt-get, else the test is skipped."""
    folder = CACHE / "allison"
    if not folder.is_dir():
        _fetch(folder, ENGLISH_PACKAGES, ("en_US_f_Allison/*.g722", "core-sounds-en.txt.gz"))
    texts = _transcripts(folder / "core-sounds-en.txt.gz")
    names = sorted(name for name, text in texts.items() if _is_usable(text) and (folder / f"{name}.g722").is_file())
    step = len(names) / NUM_RECORDINGS
    chosen = [names[int(index * step)] for index in range(NUM_RECORDINGS)]
    return [Recording(name, texts[name], _decoded(folder / f"{name}.g722")) for name in chosen]


def french_recording(name: str) -> bytes:
    """A prompt of a studio speaker of Canadian French: 16 000 Hz, signed 16 bits; fetched once, else skipped."""
    folder = CACHE / "june"
    if not folder.is_dir():
        _fetch(folder, FRENCH_PACKAGES, ("fr_CA_f_June/*.g722",))
    return _decoded(folder / f"{name}.g722")


def _is_usable(text: str) -> bool:
    return len(text.split()) >= MIN_WORDS and not re.search(r"[\[\]()<>]|\.\.\.", text)


def _fetch(folder: Path, packages: tuple[str, ...], patterns: tuple[str, ...]) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip("the recordings come from Debian packages; apt-get or dpkg-deb is missing")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        work = Path(name)
        if (failure := _download(work, [], packages)) and (failure := _download(work, _own_lists(work), packages)):
            pytest.skip(f"apt-get cannot download the recordings: {failure}")
        for package in work.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(work / "files")], check=True, timeout=60)
        ready = work / "ready"
        ready.mkdir()
        for found in [path for pattern in patterns for path in work.rglob(pattern)]:
            shutil.copy(found, ready)
        ready.rename(folder)


def _download(work: Path, options: list[str], packages: tuple[str, ...]) -> str:
    """Download the packages; says what went wrong, or nothing."""
    command = ["apt-get", *options, "download", *packages]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False, timeout=100)
    return done.stderr.strip()[-200:] if done.returncode else ""


def _own_lists(work: Path) -> list[str]:
    """Fetch package lists of our own, which needs no root: a fresh machine may have none."""
    (work / "lists/partial").mkdir(parents=True)
    (work / "cache/archives/partial").mkdir(parents=True)
    options = [f"-oDir::State::Lists={work}/lists", f"-oDir::Cache={work}/cache"]
    subprocess.run(["apt-get", *options, "update"], capture_output=True, check=False, timeout=100)
    return options


def _transcripts(path: Path) -> dict[str, str]:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    pairs = (line.split(":", 1) for line in lines if ":" in line and not line.startswith(";"))
    return {name.strip(): text.strip() for name, text in pairs}


def _decoded(path: Path) -> bytes:
    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype("<i2").tobytes()
