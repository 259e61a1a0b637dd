"""What a Whisper model in CTranslate2's format is made of, read from the names in its weights file."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_VERSION = 6
_SPEC = "WhisperSpec"
_LAYER = re.compile(r"(encoder|decoder)/layer_(\d+)/.*")
_MOST_NAMES = 100_000


class NotWhisper(ValueError):
    """The file is no Whisper model of this format."""


@dataclass(frozen=True, slots=True)
class WhisperLayout:
    """Layers of a model."""

    num_encoder_layers: int
    num_decoder_layers: int

    @property
    def is_pruned(self) -> bool:
        """Whether decoder layers were taken out. What was trained after that, turbo and distil, had no translations."""
        return self.num_decoder_layers < self.num_encoder_layers


def read_layout(path: Path) -> WhisperLayout:
    """Read ``model.bin`` without its tensors.

    Raises:
        NotWhisper: If it is another file, or cut off.
        OSError: If it cannot be read.
    """
    layers = {"encoder": 0, "decoder": 0}
    try:
        with path.open("rb") as file:
            for name in _names(file, path.stat().st_size):
                if found := _LAYER.fullmatch(name):
                    layers[found[1]] = max(layers[found[1]], int(found[2]) + 1)
    except (struct.error, UnicodeDecodeError) as error:
        raise NotWhisper("it is cut off or damaged") from error
    if not all(layers.values()):
        raise NotWhisper("it has no layers")
    return WhisperLayout(layers["encoder"], layers["decoder"])


def _names(file: BinaryIO, num_bytes: int) -> Iterator[str]:
    if _number(file, "I") != _VERSION or _text(file) != _SPEC:
        raise NotWhisper("it is no Whisper model of CTranslate2")
    _number(file, "I")  # revision of the specification
    for _ in range(min(_number(file, "I"), _MOST_NAMES)):
        yield _text(file)
        file.seek(4 * _number(file, "B") + 1, 1)  # shape and type
        file.seek(_number(file, "I"), 1)
        if file.tell() > num_bytes:
            raise NotWhisper("it is cut off")


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "H")).rstrip(b"\0").decode()


def _number(file: BinaryIO, kind: str) -> int:
    return int(struct.unpack(f"<{kind}", file.read(struct.calcsize(f"<{kind}")))[0])
