"""What ``antiphon models add`` puts into the cache folder, and proof that it is that.

Layout, in ``cache_dir``: ``kokoro-1.0/model.onnx`` and ``kokoro-1.0/voices/NAME.bin`` (float32, 510 styles of 256), and
for further languages ``espeak-ng-1.52/``, the library with its data. Whoever fills it otherwise gets the same result.
"""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from antiphon_server.embedded import weights
from antiphon_server.embedded.kokoro_voices import VOICE_IDS
from antiphon_server.errors import ModelNotInstalled

MODEL_FOLDER = "kokoro-1.0"
ESPEAK_FOLDER = "espeak-ng-1.52"
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
VOICES_SHA256 = "7622ac25ccd0fef0fab83bcaec1ac79bde279f5caf29ad793c7e2d7b2e6f0431"
ESPEAK_SHA256 = frozenset(
    {
        "69401db57f3a1f9e09e4c5bb35038eaa12d30fcc0bab285209183a21e56085a0",  # Linux, x86-64
        "7667998633cffae2058f322ada888888cb4fa18a115f9537760ef0510836c24f",  # Linux, arm64
        "99b8341ffd9e96eaa1009cd6d4cc8e2403e4b30be677417b7686dcf1af277367",  # macOS, arm64
        "00a9be0adf7aa58d57811e1f4218b9e971bb2e0e7a2855d123fcdc19875de59f",  # Windows, x86-64
    }
)
STYLES_SHAPE = (510, 256)
HOW_TO_ADD = "run: antiphon models add {name}"

Styles = npt.NDArray[np.float32]


def is_added(cache_dir: Path) -> bool:
    """Whether there is a folder of the model; its files are proven when it is loaded."""
    return (cache_dir / MODEL_FOLDER).is_dir()


def model(cache_dir: Path) -> Path:
    """Find the model and prove it.

    Raises:
        ModelNotInstalled: If it is missing or another.
    """
    path = cache_dir / MODEL_FOLDER / "model.onnx"
    if not path.is_file():
        raise ModelNotInstalled(f"the model kokoro was not added; {HOW_TO_ADD.format(name='kokoro')}")
    if weights.sha256_of(path) != MODEL_SHA256:
        raise ModelNotInstalled(f"model.onnx of kokoro has another sha256; {_add_again('kokoro')}")
    return path


def voices(cache_dir: Path) -> dict[str, Styles]:
    """Read all voices, each [510, 256]: one style for each number of phonemes.

    Raises:
        ModelNotInstalled: If one is missing or another.
    """
    folder = cache_dir / MODEL_FOLDER / "voices"
    if not folder.is_dir() or tree_sha256(folder) != VOICES_SHA256:
        raise ModelNotInstalled(f"the voices of kokoro are missing or have another sha256; {_add_again('kokoro')}")
    return {voice: np.fromfile(folder / f"{voice}.bin", "<f4").reshape(STYLES_SHAPE) for voice in VOICE_IDS}


def espeak(cache_dir: Path) -> Path | None:
    """Find espeak-ng; None if it was not added.

    Raises:
        ModelNotInstalled: If it is another than was pinned.
    """
    folder = cache_dir / ESPEAK_FOLDER
    if not folder.is_dir():
        return None
    if tree_sha256(folder) not in ESPEAK_SHA256:
        raise ModelNotInstalled(f"the files of espeak-ng have another sha256; {_add_again('espeak')}")
    return folder


def tree_sha256(folder: Path) -> str:
    """Hash the names and the contents of all files of a folder; returns hex."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    lines = (f"{name}\0{weights.sha256_of(files[name])}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _add_again(name: str) -> str:
    return f"run: antiphon models remove {name}; antiphon models add {name}"
