"""What a safetensors file says of its tensors, read without their bytes and without torch.

The format: eight bytes with the length of a JSON header, the header, then the tensors' bytes without gaps. Its own
library would say of a cut file only that it is invalid, and not how much of it is there.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon_server.codec.sizes import Shape
from antiphon_server.errors import ModelNotInstalled

BYTES_OF = {"BF16": 2, "F16": 2, "F32": 4, "F64": 8, "I8": 1, "U8": 1, "I16": 2, "I32": 4, "I64": 8, "BOOL": 1,
            "F8_E4M3": 1, "F8_E5M2": 1}  # fmt: skip
"""Bytes of one value, by the format's names of types; others exist, and are not checked."""
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000  # the library's own limit


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor as a file's header has it."""

    path: Path
    shape: Shape
    dtype: str
    begin: int = 0
    """Where its bytes begin, counted from the end of the header."""

    @property
    def num_values(self) -> int:
        """Values in it."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """Bytes of it in the file, of a type that is known."""
        return self.num_values * BYTES_OF[self.dtype]


def read_header(path: Path) -> dict[str, Stored]:
    """Read one file's header and compare the file's size with it.

    Raises:
        ModelNotInstalled: If the file cannot be read, is cut, longer than its header says, or no safetensors file.
    """
    try:
        with path.open("rb") as file:
            num_header = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            text = file.read(num_header) if num_header <= _MAX_HEADER_BYTES else b""
        num_bytes = path.stat().st_size
    except OSError as error:
        raise ModelNotInstalled(f"{path.name} cannot be read: {error.strerror}") from error
    if len(text) < num_header <= _MAX_HEADER_BYTES:
        raise _cut(path, num_bytes, f"the {_LENGTH_BYTES + num_header:,} of its header alone")
    try:
        stored, num_data = _parsed(path, json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelNotInstalled(f"{path.name} is damaged: it does not begin with a safetensors header") from error
    num_wanted = _LENGTH_BYTES + num_header + num_data
    if num_bytes < num_wanted:
        raise _cut(path, num_bytes, f"{num_wanted:,}")
    if num_bytes > num_wanted:
        raise ModelNotInstalled(f"{path.name} is damaged: {num_bytes:,} bytes, its header describes {num_wanted:,}")
    return stored


def _cut(path: Path, num_bytes: int, wanted: str) -> ModelNotInstalled:
    return ModelNotInstalled(f"{path.name} is cut, maybe half downloaded: {num_bytes:,} bytes of {wanted}")


def _parsed(path: Path, header: Mapping[str, Any]) -> tuple[dict[str, Stored], int]:
    stored, num_data = {}, 0
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = map(int, entry["data_offsets"])
        one = Stored(path, tuple(map(int, entry["shape"])), str(entry["dtype"]), begin)
        if one.dtype in BYTES_OF and end - begin != one.num_bytes:
            raise ValueError(name)
        if min((begin, *one.shape)) < 0:
            raise ValueError(name)
        stored[name], num_data = one, max(num_data, end)
    return stored, num_data
