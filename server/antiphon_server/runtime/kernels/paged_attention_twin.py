"""Paged attention in torch, in the same pieces and the same order."""

import torch
from torch import Tensor

from antiphon_server.runtime.kernels.config import split_positions


def paged_attention(
    query: Tensor,
    cache: tuple[Tensor, Tensor],
    block_size: int,
    tables: Tensor,
    lengths: Tensor,
    partial: tuple[Tensor, Tensor],
    mixed: Tensor,
) -> None:
    """Answer each query from the blocks of its row; see the kernel. Takes the time of full tables."""
    del partial
    group = query.shape[1] // cache[0].shape[1]
    largest = query.new_full(query.shape[:2], -torch.inf, dtype=torch.float32)
    weight = torch.zeros_like(largest)
    total = torch.zeros_like(query, dtype=torch.float32)
    num_positions, split = tables.shape[1] * block_size, split_positions(query.shape[2], cache[0].element_size())
    for first in range(0, num_positions, split):
        positions = torch.arange(first, min(first + split, num_positions), device=query.device)
        is_held = positions < lengths[:, None]  # [B, places]
        blocks = torch.where(is_held, tables[:, positions // block_size], 0)
        slots = blocks.long() * block_size + positions % block_size
        keys, values = (part[slots].repeat_interleave(group, 2).float() for part in cache)  # [B, places, H, D]
        scores = torch.einsum("bhd,bphd->bhp", query.float(), keys) * query.shape[2] ** -0.5
        scores = scores.masked_fill(~is_held[:, None], -torch.inf)
        raised = torch.maximum(largest, scores.amax(-1))
        settled = torch.where(raised.isinf(), 0.0, raised)  # a row with nothing held yet
        weights = (scores - settled[..., None]).exp()
        kept = (largest - settled).exp()
        # A place that is not held weighs nothing, whatever its value is.
        values = values.masked_fill(~is_held[..., None, None], 0.0)
        total = total * kept[..., None] + torch.einsum("bhp,bphd->bhd", weights.to(query.dtype).float(), values)
        weight, largest = weight * kept + weights.sum(-1), raised
    mixed.copy_(total / torch.where(weight > 0, weight, 1.0)[..., None])


def partial_shapes(
    batch: int, num_heads: int, dim: int, max_positions: int, *, itemsize: int = 2
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of the room that the pieces need: their sums, and the largest score and total weight of each.

    ``itemsize`` is that of keys and values, in bytes.
    """
    max_splits = -(-max_positions // split_positions(dim, itemsize))
    return (batch, num_heads, max_splits, dim), (batch, num_heads, max_splits, 2)
