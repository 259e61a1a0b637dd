"""A GPU that will not do is refused in one sentence that says what is needed, and never replaced by the CPU."""

from dataclasses import replace

import pytest
import torch

from antiphon_server.errors import InvalidField
from antiphon_server.runtime.cuda.device import CudaSeen, cuda_device, is_lost, refusal_of

GOOD = CudaSeen("2.13.0", "13.0", True, "", ("NVIDIA H200", "NVIDIA H200"), ((9, 0), (9, 0)))


@pytest.mark.parametrize(
    ("changes", "index", "said"),
    [
        ({"cuda_version": "", "torch_version": "2.13.0+cpu"}, 0, "needs torch built for CUDA, and this is 2.13.0+cpu"),
        ({"names": (), "trouble": "driver too old (found version 11040)"}, 0, "driver for CUDA 13.0: driver too old"),
        ({"names": ()}, 0, "no GPU is visible here"),
        ({}, 2, "is not there: this machine shows 2, from cuda:0 on"),
        ({"capabilities": ((7, 5), (9, 0))}, 0, "is too old: NVIDIA H200 has compute capability 7.5, and 8.0 or newer"),
        ({"has_triton": False}, 1, "needs triton"),
        ({"has_compiler": False}, 0, "needs a C compiler"),
    ],
)
def test_what_is_missing_is_said(changes, index, said):
    assert said in refusal_of(replace(GOOD, **changes), index)


def test_a_gpu_that_will_do_is_not_refused():
    assert refusal_of(GOOD, 0) == refusal_of(GOOD, 1) == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_the_device_is_refused_by_name():
    with pytest.raises(InvalidField, match="device 'cuda:1' needs") as caught:
        cuda_device("cuda:1")
    assert caught.value.field == "device"


def test_only_a_broken_device_is_lost():
    assert is_lost(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert is_lost(RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"))
    assert not is_lost(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_lost(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
