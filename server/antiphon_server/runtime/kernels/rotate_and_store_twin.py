"""Norms, rotation and the write into the cache in torch."""

import torch
from torch import Tensor

from antiphon_server.model.qwen3 import normed, rotate


def rotate_and_store(
    qkv: Tensor,
    norms: tuple[Tensor, Tensor],
    eps: float,
    table: tuple[Tensor, Tensor],
    positions: Tensor,
    slots: Tensor,
    query: Tensor,
    cache: tuple[Tensor, Tensor],
) -> None:
    """Take the joint projection of one new position a row apart; see the kernel."""
    num_heads, dim = query.shape[1:]
    num_kv_heads = cache[0].shape[1]
    heads = qkv.view(len(qkv), -1, dim)
    queries, keys, values = torch.split(heads, [num_heads, num_kv_heads, num_kv_heads], dim=1)
    cos, sin = (part[positions, None] for part in table)
    query.copy_(rotate(normed(queries, norms[0], eps), cos, sin))
    cache[0].index_copy_(0, slots.long(), rotate(normed(keys, norms[1], eps), cos, sin))
    cache[1].index_copy_(0, slots.long(), values)
