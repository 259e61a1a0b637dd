"""Triton kernels on a CPU: a process in which Triton interprets them instead of compiling them.

Triton decides which of the two when it is imported, for the whole process; so the interpreter has one of its own. Only
fp32 and whole numbers: in bf16 the interpreter computes wrongly without saying so.
"""

import importlib
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

PACKAGE = "antiphon_server.runtime.kernels"


class Interpreter:
    """Calls the launchers of kernels, and writes what they wrote back into the caller's tensors."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def call(self, name: str, *args: Any) -> None:
        """Run ``NAME.NAME`` of the package of kernels."""
        returned = self._executor.submit(_call, name, _wire(args)).result()
        _write_back(args, returned)

    def run(self, function: Any, *args: Any) -> Any:
        """Run a function of a test module in there; arguments and result as numpy arrays or plain values."""
        return self._executor.submit(function, *args).result()


@contextmanager
def interpreter() -> Iterator[Interpreter]:
    """Start the process, and end it."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_begin) as executor:
        yield Interpreter(executor)


def _begin() -> None:
    os.environ["TRITON_INTERPRET"] = "1"
    torch.set_num_threads(1)


def _call(name: str, wired: Any) -> Any:
    args = _unwired(wired)
    getattr(importlib.import_module(f"{PACKAGE}.{name}"), name)(*args)
    return _wire(args)


def _wire(value: Any) -> Any:
    """Arrays in the place of tensors; a tensor itself would travel as shared memory."""
    if isinstance(value, torch.Tensor):
        assert value.dtype is not torch.bfloat16
        return ("tensor", value.numpy())
    if isinstance(value, tuple):
        return ("tuple", [_wire(part) for part in value])
    if hasattr(value, "__dict__"):
        return ("state", type(value), {name: _wire(part) for name, part in vars(value).items()})
    return ("plain", value)


def _unwired(wired: Any) -> Any:
    match wired:
        case ("tensor", array):
            return torch.from_numpy(array.copy())
        case ("tuple", parts):
            return tuple(_unwired(part) for part in parts)
        case ("state", kind, parts):
            state = kind.__new__(kind)
            vars(state).update({name: _unwired(part) for name, part in parts.items()})
            return state
    return wired[1]


def _write_back(value: Any, wired: Any) -> None:
    match wired:
        case ("tensor", array):
            value.copy_(torch.from_numpy(array))
        case ("tuple", parts):
            for part, own in zip(value, parts, strict=True):
                _write_back(part, own)
        case ("state", _, parts):
            for name, own in parts.items():
                _write_back(getattr(value, name), own)
