"""Triton kernels for a GPU that is not there: what a launcher asks for is noted, compiled and looked into."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

HOPPER = GPUTarget("cuda", 90, 32)
_TYPES = {
    torch.bfloat16: "*bf16",
    torch.float32: "*fp32",
    torch.int32: "*i32",
    torch.int64: "*i64",
    torch.bool: "*i1",
}
_OPTIONS = ("num_warps", "num_stages", "enable_fp_fusion", "maxnreg")
_ALIGNED = [["tt.divisibility", 16]]


@dataclass
class Launch:
    """One launch: the kernel, its grid, and what it was given."""

    kernel: Any
    grid: tuple[int, ...]
    given: dict[str, Any]
    options: dict[str, Any]


class Recorder:
    """Stands where a kernel is launched, and notes the launches."""

    def __init__(self, kernel: Any, launches: list[Launch]) -> None:
        self._kernel, self._launches = kernel, launches

    def __getitem__(self, grid):
        def launch(*args, **named):
            options = {name: named.pop(name) for name in _OPTIONS if name in named}
            given = dict(zip(self._kernel.arg_names, args, strict=False)) | named
            assert set(given) == set(self._kernel.arg_names)
            self._launches.append(Launch(self._kernel, tuple(grid), given, options))

        return launch


def recorded(module: ModuleType, *args: Any) -> list[Launch]:
    """Call the launcher that gives a module its name; the launches it asked for, none of which has happened."""
    launches: list[Launch] = []
    kernels = {name: value for name, value in vars(module).items() if name.endswith("_kernel")}
    with pytest.MonkeyPatch.context() as patch:
        for name, kernel in kernels.items():
            patch.setattr(module, name, Recorder(kernel, launches))
        getattr(module, module.__name__.rsplit(".", 1)[-1])(*args)
    return launches


@dataclass
class Binary:
    """What the compiler says of a kernel."""

    shared_bytes: int
    registers: int
    stack_bytes: int
    """Where registers that did not suffice are spilled to."""


def compiled(launch: Launch, folder: Path) -> Binary:
    """Compile for an H100 or H200; ``folder`` takes the binary."""
    signature, constants, attributes = {}, {}, {}
    for index, param in enumerate(launch.kernel.params):
        value = launch.given[param.name]
        if isinstance(value, torch.Tensor):
            signature[param.name] = _TYPES[value.dtype]
            attributes[(index,)] = _ALIGNED  # as torch allocates
        elif param.is_constexpr:
            signature[param.name], constants[(index,)] = "constexpr", value
        else:
            signature[param.name] = {float: "fp32", int: "i32"}[type(value)]
    source = ASTSource(fn=launch.kernel, signature=signature, constexprs=constants, attrs=attributes)
    binary = triton.compile(source, target=HOPPER, options=launch.options)
    path = folder / f"{launch.kernel.__name__}.cubin"
    path.write_bytes(binary.asm["cubin"])
    return Binary(binary.metadata.shared, *_usage(path))


def _usage(path: Path) -> tuple[int, int]:
    """Registers and stack bytes a thread, by the tool that Triton's wheel brings along."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    said = subprocess.run([tool, "-res-usage", path], capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", said)
    assert found is not None, said
    return int(found[1]), int(found[2])
