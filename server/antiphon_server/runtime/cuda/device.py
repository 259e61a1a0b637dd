"""Whether this machine's GPU will do, said in one sentence where it will not. Nothing here falls back to a CPU.

``python -m antiphon_server.runtime.cuda.device cuda:0`` prints that sentence, or nothing.
"""

import os
import shutil
import sys
from dataclasses import dataclass

import torch

from antiphon_server.errors import InvalidField

LEAST_CAPABILITY = (8, 0)
"""bf16 in hardware came with it."""
_LOST = ("CUDA error", "Triton Error [CUDA]", "CUDNN_STATUS_EXECUTION_FAILED")
"""In what torch, Triton and cuDNN say of a device that broke."""


@dataclass(frozen=True, slots=True)
class CudaSeen:
    """What there is."""

    torch_version: str
    cuda_version: str
    """That torch was built for; empty: for none."""
    has_triton: bool
    trouble: str
    """What the driver said when it was asked; empty: nothing."""
    names: tuple[str, ...]
    capabilities: tuple[tuple[int, int], ...]
    has_compiler: bool = True
    """Of C."""


def cuda_device(name: str) -> torch.device:
    """Find the device that "cuda" or "cuda:1" names.

    Raises:
        InvalidField: If it is not there or too old, or torch, triton or the driver do not fit.
    """
    device = torch.device(name)
    if refusal := refusal_of(_look(), device.index or 0):
        raise InvalidField(f"device {name!r} {refusal}", field="device")
    return torch.device("cuda", device.index or 0)


def refusal_of(seen: CudaSeen, index: int) -> str:
    """Say what is needed that is not there; empty if nothing is."""
    if not seen.cuda_version:
        return f"needs torch built for CUDA, and this is {seen.torch_version}: install the CUDA wheel of it"
    if not seen.names:
        return (
            f"needs an NVIDIA GPU and a driver for CUDA {seen.cuda_version}: {seen.trouble or 'no GPU is visible here'}"
        )
    if index >= len(seen.names):
        return f"is not there: this machine shows {len(seen.names)}, from cuda:0 on"
    if seen.capabilities[index] < LEAST_CAPABILITY:
        own, least = (".".join(map(str, pair)) for pair in (seen.capabilities[index], LEAST_CAPABILITY))
        return f"is too old: {seen.names[index]} has compute capability {own}, and {least} or newer is needed"
    if not seen.has_triton:
        return "needs triton, which torch's CUDA wheels bring along: install it"
    return "" if seen.has_compiler else "needs a C compiler, with which triton builds its launchers: install gcc"


def free_bytes(device: torch.device) -> int:
    """Memory of a device that nobody has taken."""
    return torch.cuda.mem_get_info(device)[0]


def set_numerics() -> None:
    """Choose exact arithmetic: the codec's codes must not depend on the device, nor rows on reduced sums."""
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    # It would be preferred where it is new enough, and builds a plan for every shape while speech waits.
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)


def is_lost(error: BaseException) -> bool:
    """Whether a failure leaves the device unusable for this process; running out of memory does not."""
    kind = getattr(torch, "AcceleratorError", None)
    return (kind is not None and isinstance(error, kind)) or any(sign in str(error) for sign in _LOST)


def _look() -> CudaSeen:
    names: tuple[str, ...] = ()
    capabilities: tuple[tuple[int, int], ...] = ()
    trouble = ""
    if torch.version.cuda:
        try:
            torch.cuda.init()  # type: ignore[no-untyped-call]
            names = tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
            capabilities = tuple(torch.cuda.get_device_capability(index) for index in range(len(names)))
        except (RuntimeError, AssertionError) as error:
            trouble = str(error).splitlines()[0][:200]
    cuda = torch.version.cuda or ""
    return CudaSeen(torch.__version__, cuda, _has_triton(), trouble, names, capabilities, _has_compiler())


def _has_triton() -> bool:
    try:
        import triton  # noqa: F401, PLC0415 - asked only where a GPU is wanted
    except ImportError:
        return False
    return True


def _has_compiler() -> bool:
    """Look where triton does."""
    return bool(os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang"))  # noqa: TID251 - triton's own


if __name__ == "__main__":
    try:
        cuda_device(sys.argv[1])
    except InvalidField as refused:
        print(refused.message)  # noqa: T201 - for the process that asked
