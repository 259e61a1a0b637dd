"""Short synthetic clips: voices of a few harmonics that glide, with noise and gaps, and not two alike."""

import torch

SAMPLE_RATE = 16_000


def clip(seed, num_samples):
    """Make ``[num_samples]`` in fp32, at -20 dBFS or so."""
    noise = torch.Generator().manual_seed(seed)
    place = torch.arange(num_samples) / SAMPLE_RATE
    drawn = torch.rand(6, generator=noise)
    pitch = 80 + 240 * drawn[0] + 40 * torch.sin(6.28 * (0.5 + 3 * drawn[1]) * place)
    phase = 6.28 * pitch.cumsum(0) / SAMPLE_RATE
    voiced = sum(torch.sin(order * phase) * drawn[2] ** order for order in range(1, 12))
    spoken = (torch.sin(6.28 * (1 + 4 * drawn[3]) * place) > -0.3).float()
    hiss = torch.randn(num_samples, generator=noise) * 10 ** (-1.5 - 2 * drawn[4])
    return (0.15 * voiced * spoken + hiss).clamp(-1, 1)
