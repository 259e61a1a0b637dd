"""Versions, driver, clocks and power, as they are before anything runs."""

import torch
from torch.nn.attention import SDPBackend

from antiphon_server.runtime.cuda.device import set_numerics
from antiphon_server.runtime.kernels import config
from bench.gpu.machine import gpu_now, versions
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.timing import wait_for


def measure(setting: Setting, record: Record) -> None:
    """Note what is there, and check that the device computes."""
    set_numerics()
    record.fact(versions=versions(), torch_cuda=torch.version.cuda or "", gpu=gpu_now(), kernels=_kernel_config())
    attention = _prefill_attention(setting.device)
    record.fact(prefill_attention=attention)
    if setting.device == "cuda":
        is_fused = attention == "EFFICIENT_ATTENTION"
        record.check("prefill's attention is fused and needs no plan", is_met=is_fused, detail=attention)
        found = torch.cuda.get_device_properties(0)
        record.fact(
            capability=f"{found.major}.{found.minor}",
            processors=found.multi_processor_count,
            memory_bytes=found.total_memory,
            l2_bytes=getattr(found, "L2_cache_size", 0),
            cublas_tf32=torch.backends.cuda.matmul.allow_tf32,
            cudnn_tf32=torch.backends.cudnn.allow_tf32,
            bf16_reduced_sums=torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
        )
        record.check(
            "compute capability is 9.0 or more", is_met=found.major >= 9, detail=f"{found.major}.{found.minor}"
        )
    left = torch.randn(256, 256, generator=torch.Generator().manual_seed(setting.seed))
    product = (left.to(setting.device) @ left.to(setting.device)).cpu().double()
    wait_for(setting.device)
    exact = left.double() @ left.double()
    error = float((product - exact).norm() / exact.norm())
    record.check("an fp32 product is computed in fp32", is_met=error < 1e-5, detail=f"relative error {error:.1e}")


def _prefill_attention(device: str) -> str:
    """Which of torch's implementations a prefill gets: its heads in groups, keys repeated without a copy, a mask."""
    query = torch.zeros(4, 8, 64, 128, dtype=torch.bfloat16, device=device)
    keys = torch.zeros(1, 8, 512, 128, dtype=torch.bfloat16, device=device).expand(4, -1, -1, -1)
    mask = torch.zeros(64, 512, dtype=torch.bfloat16, device=device)
    with torch.inference_mode():
        choice = torch._fused_sdp_choice(query, keys, keys, mask)  # noqa: SLF001 - torch tells it nowhere else
    return str(SDPBackend(choice).name)


def _kernel_config() -> dict[str, str]:
    """The table of how kernels are launched."""
    return {name: repr(value) for name, value in vars(config).items() if name.lstrip("_").isupper()}
