"""Each kernel against its twin in torch, on the device, in fp32 and bf16, at the model's real shapes.

On a CPU there are no kernels; there each twin in bf16 is held against itself in fp32, with the same numbers.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from antiphon_server.model.make import SIZES
from antiphon_server.runtime.cuda.device import set_numerics
from bench.gpu.kernel_cases import CASES, Case, Shape, tensors, widened
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.timing import wait_for

PACKAGE = "antiphon_server.runtime.kernels"
_TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Relative error of a whole tensor: kernels round where their twins do, and only their sums have another order."""


def measure(setting: Setting, record: Record) -> None:
    """Compare every kernel that there is; one that cannot be built fails alone."""
    set_numerics()
    for case in CASES:
        found = functions(case.name, is_triton=setting.device == "cuda")
        if isinstance(found, str):
            record.not_measured(case.name, found)
            continue
        for shape in _shapes(setting):
            _check(record, case, found, shape)


def functions(name: str, *, is_triton: bool = True) -> tuple[Callable[..., Any], Callable[..., Any]] | str:
    """A kernel and its twin, without Triton the twin twice, or why there is none."""
    try:
        twin = getattr(importlib.import_module(f"{PACKAGE}.{name}_twin"), name)
        kernel = getattr(importlib.import_module(f"{PACKAGE}.{name}"), name) if is_triton else twin
    except ModuleNotFoundError as missing:
        return f"{missing.name} cannot be imported"
    return kernel, twin


def _shapes(setting: Setting) -> Iterator[Shape]:
    for dtype in _TOLERANCES if setting.device == "cuda" else (torch.bfloat16,):
        for batch, context in (
            (1, setting.scale.context),
            (5, setting.scale.context),
            (64, setting.scale.context),
            (3, 700),
        ):
            yield Shape(SIZES[setting.size].backbone, batch, context, dtype, setting.device, setting.seed)


def _check(record: Record, case: Case, found: tuple[Callable[..., Any], Callable[..., Any]], shape: Shape) -> None:
    label = f"{case.name}, {str(shape.dtype).removeprefix('torch.')}, {shape.batch} rows, {shape.context} positions"
    try:
        ours, theirs = case.make(shape), case.make(shape)  # the same noise twice
        if found[0] is found[1]:
            theirs = widened(theirs)
        found[0](*ours)
        found[1](*theirs)
        wait_for(shape.device)
    except Exception as failure:  # noqa: BLE001 - the other kernels are still worth checking
        record.check(label, is_met=False, detail=f"{type(failure).__name__}: {failure}"[:600])
        return
    skipped = case.workspaces
    pairs = list(zip(tensors(ours, skipped=skipped), tensors(theirs, skipped=skipped), strict=True))
    error, different = max(map(_error, pairs)), max(map(_different, pairs))
    is_met = error <= _TOLERANCES[shape.dtype] and different <= case.most_different
    record.check(label, is_met=is_met, detail=f"relative error {error:.1e}, {different:.2%} of whole numbers differ")


def _error(pair: tuple[Tensor, Tensor]) -> float:
    """Relative error; what is not a number on either side is an infinite one."""
    ours, theirs = (tensor.double() for tensor in pair)
    if not pair[1].is_floating_point():
        return 0.0
    error = float((ours - theirs).norm() / theirs.norm().clamp_min(1e-30))
    return error if error == error else float("inf")


def _different(pair: tuple[Tensor, Tensor]) -> float:
    return 0.0 if pair[1].is_floating_point() else float((pair[0] != pair[1]).double().mean())
