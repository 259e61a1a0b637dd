"""The likeliest text ids in torch."""

import torch
from torch import Tensor

from antiphon_server.engine.runner import BROKEN
from antiphon_server.runtime.kernels.config import LIKELIEST

NO_ID = BROKEN[0]
"""What a row is where a score is no finite number."""


def likeliest(logits: Tensor, slots: Tensor, pieces: Tensor, last_ids: Tensor, rows: Tensor) -> None:
    """Choose an id for each row; see the kernel. The sum of all weights is formed at once."""
    del pieces
    scores = logits.float()
    best, ids = scores.max(-1)
    is_whole = scores.isfinite().all(-1)
    log_prob = -(scores - best[:, None]).exp().sum(-1).log()
    thousandths = (torch.where(is_whole, log_prob, 0.0) * 1000 + 0.5).floor().long()
    last_ids.index_copy_(0, slots, torch.where(is_whole, ids, 0))
    rows.copy_(torch.where(is_whole[:, None], torch.stack((ids, thousandths), 1), NO_ID))


def piece_shape(batch: int, num_ids: int) -> tuple[int, int, int]:
    """Shape of the room that the pieces need; ids are kept in fp32 there, exact below 2^24."""
    return batch, -(-num_ids // LIKELIEST.block), 4
