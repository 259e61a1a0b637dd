"""Options of Whisper, and whether what it is to compute on is there."""

import contextlib
import ctypes
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from antiphon_server.embedded import weights
from antiphon_server.engine.options import parse_options
from antiphon_server.errors import InvalidField

_DEVICE = re.compile(r"(cpu|cuda)(?::([0-9]{1,2}))?")
_CUDA_LIBRARY = "libcublas.so.12"
"""All that the wheel of ctranslate2 4.8 takes from a CUDA installation; it brings the rest, and needs no cuDNN."""


@dataclass(frozen=True, slots=True)
class WhisperOptions:
    """Options of this engine."""

    model: str = "base"
    """A size, a folder in CTranslate2's format, or a hub's ``owner/name`` or ``owner/name@revision``."""
    model_path: str = ""
    """A folder, as ``model`` takes one."""
    device: str = "cpu"
    """cpu, cuda or cuda:N."""
    compute_type: str = ""
    """One of CTranslate2's; empty: int8 on a CPU, float16 on a GPU."""
    threads: int = field(default=2, metadata={"least": 1})
    """Threads of one operation on a CPU."""
    cache_dir: str = ""
    """Where the joined base model is kept."""
    beam_size: int = field(default=1, metadata={"least": 1})
    max_waiting: int = field(default=32, metadata={"least": 1})

    @property
    def wanted(self) -> str:
        """What to load."""
        return self.model_path or self.model

    @property
    def device_kind(self) -> str:
        """Cpu or cuda, as CTranslate2 calls them."""
        return self.device.partition(":")[0]

    @property
    def device_index(self) -> int:
        """Which GPU."""
        return int(self.device.partition(":")[2] or 0)


def whisper_options(given: Mapping[str, object]) -> WhisperOptions:
    """Read and check options, without loading anything.

    Raises:
        InvalidField: If an option is unknown, out of range, or asks for a device or numbers that are not there.
        ModelNotInstalled: If CTranslate2 is missing.
    """
    options = parse_options(given, WhisperOptions)
    if options.model_path and options.model != "base":
        raise InvalidField("give model or model_path, not both: either may name a folder", field="model_path")
    if not options.wanted.strip():
        raise InvalidField("model must not be empty", field="model")
    if not _DEVICE.fullmatch(options.device) or options.device.startswith("cpu:"):
        raise InvalidField(f"device must be cpu, cuda or cuda:N, not {options.device!r}", field="device")
    if options.device_kind == "cuda":
        _check_gpu(options)
    return options


def compute_type(options: WhisperOptions) -> str:
    """Choose the numbers to compute with.

    Raises:
        InvalidField: If the device cannot compute with those that are asked for.
    """
    if not options.compute_type:
        return "int8" if options.device_kind == "cpu" else "float16"
    library = weights.runtime("ctranslate2", "ctranslate2")
    offered = sorted(library.get_supported_compute_types(options.device_kind, options.device_index))
    if options.compute_type not in offered:
        raise InvalidField(
            f"compute_type {options.compute_type!r} is nothing that {options.device} computes with; "
            f"it has {', '.join(offered)}",
            field="compute_type",
        )
    return options.compute_type


def _check_gpu(options: WhisperOptions) -> None:
    """Refuse a GPU that cannot be used, before anything is fetched: CTranslate2 would end the process in mid-call."""
    num_gpus = weights.runtime("ctranslate2", "ctranslate2").get_cuda_device_count()
    if options.device_index >= num_gpus:
        seen = f"{num_gpus} GPU{'s' if num_gpus != 1 else ''}" if num_gpus else "no GPU with a CUDA driver"
        raise InvalidField(f"device {options.device!r} is not there: CTranslate2 sees {seen}", field="device")
    if not _has_library(_CUDA_LIBRARY):
        raise InvalidField(
            f"device {options.device!r} cannot be used without {_CUDA_LIBRARY} of CUDA 12: "
            "install CUDA 12, or pip install nvidia-cublas-cu12",
            field="device",
        )


def _has_library(name: str) -> bool:
    """Load a library of CUDA, also out of NVIDIA's wheels, where the loader does not look by itself."""
    spec = importlib.util.find_spec("nvidia")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    found = [str(path) for folder in folders for path in Path(folder).glob(f"*/lib/{name}")]
    for candidate in (name, *found):
        with contextlib.suppress(OSError):
            ctypes.CDLL(candidate, ctypes.RTLD_GLOBAL)
            return True
    return False
