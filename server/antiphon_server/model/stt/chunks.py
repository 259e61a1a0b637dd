"""How sound is cut for the encoder, and how many positions each cut becomes."""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

SAMPLE_RATE = 16_000
CHUNK_SAMPLES = 4 * SAMPLE_RATE
LEAST_SAMPLES = 160 * SAMPLE_RATE // 1000
"""A shorter rest is filled with zeros: under 30 ms would leave nothing behind the pooling."""
HOP_SAMPLES = 160


def cut(samples: Tensor) -> list[Tensor]:
    """Cut ``samples`` ``[S]`` at 16 000 Hz into 4 s each, the last one as long as it is, but 160 ms at least.

    No samples have no chunks.
    """
    chunks = list(torch.split(samples, CHUNK_SAMPLES)) if len(samples) else []
    if chunks and len(chunks[-1]) < LEAST_SAMPLES:
        chunks[-1] = F.pad(chunks[-1], (0, LEAST_SAMPLES - len(chunks[-1])))
    return chunks


def num_frames(num_samples: int) -> int:
    """Count the mel frames of a chunk; 10 ms each."""
    return num_samples // HOP_SAMPLES


def num_positions(num_frames: int) -> int:
    """Count what the encoder's layers see of ``num_frames`` mel frames, 1 or more; 20 ms each."""
    return (num_frames - 1) // 2 + 1


def num_rows(num_samples: int) -> int:
    """Count the positions that a chunk takes in the prompt; 80 ms each, the last one begun."""
    num_pooled = num_positions(num_frames(num_samples)) // 2
    return (num_pooled - 1) // 2 + 1
