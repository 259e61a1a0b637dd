"""What each kernel is given: real shapes, noise everywhere, and poison wherever it has to write."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from antiphon_server.codec.delay import NUM_CODEBOOKS
from antiphon_server.engine.runner import Draw
from antiphon_server.model.higgs_config import CODE_VOCABULARY, CONTEXT_POSITIONS, HiggsConfig
from antiphon_server.model.qwen3 import rotation_table
from antiphon_server.runtime.sampler import SamplerState
from bench.gpu.model import BLOCK_SIZE, noise

Arguments = tuple[Any, ...]
_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of one call."""

    config: HiggsConfig
    batch: int
    context: int
    """Positions of the longest sequence; others have fewer."""
    dtype: torch.dtype
    device: str
    seed: int

    def made(self, name: str) -> torch.Generator:
        """A generator of the kernel's noise."""
        return noise(name, self.seed, self.device)


@dataclass(frozen=True, slots=True)
class Case:
    """One kernel: ``NAME`` and its twin ``NAME_twin``, with the same arguments."""

    name: str
    make: Callable[[Shape], Arguments]
    """Arguments, outputs included."""
    num_bytes: Callable[[Shape], float]
    """Least bytes of one call."""
    workspaces: tuple[int, ...] = ()
    """Indices of arguments whose content after the call means nothing."""
    most_different: float = 0.0
    """Share of whole numbers, such as codes drawn, that may differ where sums have another order."""


def _floats(shape: Shape, name: str, *sizes: int, dtype: torch.dtype | None = None) -> Tensor:
    drawn = torch.randn(sizes, generator=shape.made(name), device=shape.device)
    return drawn.to(dtype or shape.dtype)


def _poison(shape: Shape, *sizes: int, dtype: torch.dtype | None = None) -> Tensor:
    return torch.full(sizes, float("nan"), dtype=dtype or shape.dtype, device=shape.device)


def _add_norm(shape: Shape) -> Arguments:
    size = shape.config.hidden_size
    hidden, delta = (_floats(shape, name, shape.batch, size) for name in ("hidden", "delta"))
    return hidden, delta, 1 + 0.1 * _floats(shape, "norm", size), _EPS, _poison(shape, shape.batch, size)


def _embed_rows(shape: Shape) -> Arguments:
    size = shape.config.hidden_size
    rows = torch.randint(0, CODE_VOCABULARY, (2 * shape.batch, NUM_CODEBOOKS), generator=shape.made("rows"),
                         device=shape.device)  # fmt: skip
    table = _floats(shape, "table", NUM_CODEBOOKS * CODE_VOCABULARY, size)
    return rows, _slots(shape), table, _poison(shape, shape.batch, size)


def _rotate_and_store(shape: Shape) -> Arguments:
    config, batch = shape.config, shape.batch
    num_heads = config.num_heads + 2 * config.num_kv_heads
    qkv = _floats(shape, "qkv", batch, num_heads * config.head_dim)
    norms = tuple(1 + 0.1 * _floats(shape, name, config.head_dim) for name in ("query norm", "key norm"))
    positions = torch.arange(batch, device=shape.device) % shape.context
    places = torch.randperm(batch * BLOCK_SIZE, generator=shape.made("places"), device=shape.device)[:batch]
    query = _poison(shape, batch, config.num_heads, config.head_dim)
    cache = tuple(_floats(shape, name, batch * BLOCK_SIZE, config.num_kv_heads, config.head_dim) for name in "kv")
    table = rotation_table(config, CONTEXT_POSITIONS, rounded_to=torch.bfloat16, device=shape.device)
    return qkv, norms, _EPS, table, positions, places, query, cache


def _paged_attention(shape: Shape) -> Arguments:
    from antiphon_server.runtime.kernels.paged_attention_twin import partial_shapes  # noqa: PLC0415 - may be missing

    config, batch = shape.config, shape.batch
    per_row = -(-shape.context // BLOCK_SIZE)
    order = torch.randperm(batch * per_row, generator=shape.made("blocks"), device=shape.device)
    tables = order.view(batch, per_row).int()
    lengths = (shape.context - torch.arange(batch, device=shape.device) * 7 % max(1, shape.context // 2)).int()
    sizes = (batch * per_row * BLOCK_SIZE, config.num_kv_heads, config.head_dim)
    cache = tuple(_floats(shape, name, *sizes) for name in "kv")
    query = _floats(shape, "query", batch, config.num_heads, config.head_dim)
    num_positions, itemsize = per_row * BLOCK_SIZE, shape.dtype.itemsize
    shapes = partial_shapes(batch, config.num_heads, config.head_dim, num_positions, itemsize=itemsize)
    partial = tuple(_poison(shape, *sizes, dtype=torch.float32) for sizes in shapes)
    return query, cache, BLOCK_SIZE, tables, lengths, partial, _poison(shape, *query.shape)


def _sample(shape: Shape) -> Arguments:
    state = SamplerState(2 * shape.batch, shape.device)
    ways = (Draw(1, 1.0, 50, 0.95), Draw(2, 0.7, None, 0.8), Draw(3, 0.0), Draw(4, 1.3, 20, None))
    for slot in range(2 * shape.batch):
        state.begin(slot, ways[slot % len(ways)], CODE_VOCABULARY)
    state.num_delayed += torch.arange(2 * shape.batch, device=shape.device) % (NUM_CODEBOOKS + 1)
    state.num_steps += 5
    logits = 2 * _floats(shape, "logits", shape.batch, NUM_CODEBOOKS, CODE_VOCABULARY)
    drawn, rows = (torch.full((shape.batch, NUM_CODEBOOKS), -7, device=shape.device) for _ in range(2))
    return state, _slots(shape), logits, drawn, rows


def _likeliest(shape: Shape) -> Arguments:
    from antiphon_server.runtime.kernels.likeliest_twin import piece_shape  # noqa: PLC0415 - may be missing

    logits = 2 * _floats(shape, "logits", shape.batch, _num_ids(shape))
    pieces = _poison(shape, *piece_shape(*logits.shape), dtype=torch.float32)
    last_ids, rows = torch.full((2 * shape.batch,), -7), torch.full((shape.batch, 2), -7)
    return logits, _slots(shape), pieces, last_ids.to(shape.device), rows.to(shape.device)


def _num_ids(shape: Shape) -> int:
    """The whole vocabulary; on a CPU two pieces of it."""
    return shape.config.vocabulary if shape.device == "cuda" else 4000


def _gate(shape: Shape) -> Arguments:
    inner = shape.config.intermediate_size
    return _floats(shape, "gate", shape.batch, 2 * inner), _poison(shape, shape.batch, inner)


def _snake(shape: Shape) -> Arguments:
    x = _floats(shape, "x", shape.batch, 96, 1, 960, dtype=torch.float32)
    x = x.contiguous(memory_format=torch.channels_last)
    alpha = 0.5 + torch.rand(96, generator=shape.made("alpha"), device=shape.device)
    return x, alpha, torch.full_like(x, float("nan"))


def _slots(shape: Shape) -> Tensor:
    return torch.randperm(2 * shape.batch, generator=shape.made("slots"), device=shape.device)[: shape.batch]


def _row_bytes(shape: Shape, num_values: float) -> float:
    return shape.batch * num_values * shape.dtype.itemsize


CASES = (
    Case("add_norm", _add_norm, lambda shape: _row_bytes(shape, 4 * shape.config.hidden_size)),
    Case("embed_rows", _embed_rows, lambda shape: _row_bytes(shape, (NUM_CODEBOOKS + 1) * shape.config.hidden_size)),
    Case(
        "rotate_and_store",
        _rotate_and_store,
        lambda shape: _row_bytes(
            shape, 2 * (shape.config.num_heads + 2 * shape.config.num_kv_heads) * shape.config.head_dim
        ),
    ),
    Case(
        "paged_attention",
        _paged_attention,
        lambda shape: _row_bytes(shape, 2 * shape.context * shape.config.num_kv_heads * shape.config.head_dim),
        workspaces=(5,),
    ),
    Case(
        "sample",
        _sample,
        lambda shape: _row_bytes(shape, NUM_CODEBOOKS * CODE_VOCABULARY),
        workspaces=(3,),
        most_different=0.01,
    ),
    Case(
        "likeliest",
        _likeliest,
        lambda shape: _row_bytes(shape, _num_ids(shape)),
        workspaces=(2,),
        most_different=0.01,
    ),
    Case("gate", _gate, lambda shape: _row_bytes(shape, 3 * shape.config.intermediate_size)),
    Case("snake", _snake, lambda shape: shape.batch * 2 * 96 * 960 * 4),
)
"""The small kernels of a decode step, and the codec's."""


def widened(arguments: Arguments) -> Arguments:
    """The same numbers in fp32 where they are in bf16."""
    return tuple(
        argument.float() if isinstance(argument, Tensor) and argument.dtype == torch.bfloat16
        else widened(argument) if isinstance(argument, tuple)
        else argument
        for argument in arguments
    )  # fmt: skip


def tensors(arguments: Arguments, *, skipped: tuple[int, ...] = ()) -> list[Tensor]:
    """All tensors among arguments, those inside pairs and states too."""
    found: list[Tensor] = []
    for index, argument in enumerate(arguments):
        if index in skipped:
            continue
        if isinstance(argument, Tensor):
            found.append(argument)
        elif isinstance(argument, tuple):
            found += tensors(argument)
        elif isinstance(argument, SamplerState):
            found += [value for value in vars(argument).values() if isinstance(value, Tensor)]
    return found
