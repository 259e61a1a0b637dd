"""Whether a row of a matrix product depends on its place or on its neighbours: what ``batch_invariant`` rests on."""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.model.make import SIZES
from antiphon_server.runtime.cuda.device import set_numerics
from antiphon_server.runtime.cuda.graph_runner import INVARIANT_ROWS
from bench.gpu.model import noise, product_shapes
from bench.gpu.record import Record
from bench.gpu.setting import Setting

_PLACES = (0, 1, 31, 63)


def measure(setting: Setting, record: Record) -> None:
    """Compute one row at several places among several neighbours, and with fewer rows for information."""
    set_numerics()
    for name, (num_out, num_in, _) in product_shapes(SIZES[setting.size].backbone).items():
        made = noise(name, setting.seed, setting.device)
        weight = _noise((num_out, num_in), made) * num_in**-0.5
        row = _noise((num_in,), made)
        answers = [_placed(row, weight, place, made) for place in _PLACES for _ in range(2)]
        is_same = all(torch.equal(answer, answers[0]) for answer in answers)
        record.check(f"{name}: a row of {INVARIANT_ROWS} is the same at every place, bf16", is_met=is_same)
        alone = F.linear(row[None], weight)[0]
        record.fact(**{f"{name}_alone_has_the_bits_of_64": bool(torch.equal(alone, answers[0]))})


def _placed(row: Tensor, weight: Tensor, place: int, made: torch.Generator) -> Tensor:
    rows = _noise((INVARIANT_ROWS, len(row)), made)
    rows[place] = row
    return F.linear(rows, weight)[place].clone()


def _noise(shape: tuple[int, ...], made: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=made, device=made.device, dtype=torch.bfloat16)
