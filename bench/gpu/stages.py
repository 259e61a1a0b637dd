"""The stages in their order."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage; it runs in a process of its own."""

    name: str
    part: str
    """A: does it build and compute the right thing. B: figures."""
    about: str
    expected_s: int
    """On an H200, at full size; an estimate until it has been measured."""
    deadline_s: int
    target: str
    """module:function of ``def measure(setting, record)``."""
    options: tuple[tuple[str, object], ...] = ()


def _stage(name: str, part: str, about: str, expected_s: int, deadline_s: int, **options: object) -> Stage:
    function = str(options.pop("function", "measure"))
    module = str(options.pop("module", name))
    return Stage(name, part, about, expected_s, deadline_s, f"bench.gpu.{module}:{function}", tuple(options.items()))


STAGES = (
    _stage("environment", "A", "versions, driver, clocks, power", 15, 60),
    _stage("kernels", "A", "each kernel against its twin, fp32 and bf16", 45, 90),
    _stage("products", "A", "a row of a matrix product does not depend on its place or its neighbours", 10, 40),
    _stage("tiny", "A", "tiny model: CPU = GPU, graph = eager, alone = in a crowd, cached = computed, codec", 60, 120),
    _stage("alone", "A", "model of this run's size, bf16: graph = eager, alone = in a crowd", 60, 120),
    _stage("listening_same", "A", "listening model: tiny CPU = GPU, graph = eager, alone = in a crowd", 45, 90),
    _stage("bandwidth", "B", "read and copy bandwidth", 8, 30),
    _stage("gemm", "B", "the model's five matrix products at M = 1 to 64", 20, 60),
    _stage("kernel_times", "B", "each kernel at real shapes", 20, 60),
    _stage("decode", "B", "decode step of each bucket in both modes, against the bandwidth limit; A/A", 45, 120),
    _stage("profile", "B", "which kernels a decode step spends its time in", 20, 60),
    _stage("codec", "B", "codec windows by batch", 25, 60, module="codec_windows"),
    _stage("prefill", "B", "prefill by number of tokens", 20, 60),
    _stage("service", "B", "whole service in one process, closed loop and open loop, batch_invariant; A/A", 110, 170,
           is_invariant=True),
    _stage("service_fast", "B", "the same in fast mode, closed loop", 50, 90, module="service", is_invariant=False),
    _stage("peer", "B", "plain transformers loop for one clip, the same sizes", 25, 60),
    _stage("checkpoint", "B", "write and load a checkpoint of this run's size", 60, 150),
    _stage("wire", "B", "the server process through gRPC, with that checkpoint", 60, 120),
    _stage("listening", "B", "listening model: decode steps, chunks, whole clips 1 and 32 at once", 42, 100),
    _stage("listening_load", "B", "write and load a checkpoint of the listening model", 33, 90,
           module="checkpoint", function="measure_listening"),
)  # fmt: skip
BUDGETS_S = {"A": 240, "B": 540, "all": 780}
"""What the stages of one command may take together."""
