"""Which implementation of a step's kernels is taken."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from torch import Tensor

from antiphon_server.runtime.sampler import SamplerState

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Kernels:
    """The functions of a decode step and of the codec, each as described in the module of its name."""

    add_norm: Callable[[Tensor, Tensor | None, Tensor, float, Tensor], None]
    rotate_and_store: Callable[[Tensor, Pair, float, Pair, Tensor, Tensor, Tensor, Pair], None]
    paged_attention: Callable[[Tensor, Pair, int, Tensor, Tensor, Pair, Tensor], None]
    embed_rows: Callable[[Tensor, Tensor, Tensor, Tensor], None]
    gate: Callable[[Tensor, Tensor], None]
    sample: Callable[[SamplerState, Tensor, Tensor, Tensor, Tensor], None]
    snake: Callable[[Tensor, Tensor, Tensor], None]
    likeliest: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], None]


def choose(*, is_triton: bool) -> Kernels:
    """Import the kernels or their twins.

    Raises:
        ModuleNotFoundError: If the kernels are asked for and Triton is not installed.
    """
    suffix = "" if is_triton else "_twin"
    package = __name__.rpartition(".")[0]

    def function(name: str) -> Callable[..., None]:
        found: Callable[..., None] = getattr(import_module(f"{package}.{name}{suffix}"), name)
        return found

    return Kernels(
        add_norm=function("add_norm"),
        rotate_and_store=function("rotate_and_store"),
        paged_attention=function("paged_attention"),
        embed_rows=function("embed_rows"),
        gate=function("gate"),
        sample=function("sample"),
        snake=function("snake"),
        likeliest=function("likeliest"),
    )
