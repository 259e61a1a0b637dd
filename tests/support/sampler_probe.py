"""Parts of the sampler's kernel on their own, for the process that interprets Triton."""

import numpy as np
import torch
import triton
import triton.language as tl

from antiphon_server.runtime.kernels.config import power_of_two
from antiphon_server.runtime.kernels.sample import gumbel, hash_words, kept_weights


def kept(logits: np.ndarray, temperature: float, top_k: int, top_p: float) -> np.ndarray:
    """What is left of one distribution, ``[codes]``."""
    weights = torch.empty(len(logits))
    _kept_kernel[(1,)](
        torch.from_numpy(logits.copy()),
        temperature,
        top_k,
        top_p,
        weights,
        NUM_CODES=len(logits),
        BLOCK=power_of_two(len(logits)),
    )
    return weights.numpy()


def noise(seed: int, position: int, num_codes: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes and noise of the first codes; their number is a power of two."""
    words, values = torch.empty(num_codes, dtype=torch.long), torch.empty(num_codes, dtype=torch.double)
    _noise_kernel[(1,)](torch.tensor([seed, position]), words, values, BLOCK=num_codes)
    return words.numpy(), values.numpy()


@triton.jit
def _kept_kernel(logits, temperature, top_k, top_p, weights, NUM_CODES: tl.constexpr, BLOCK: tl.constexpr):
    codes = tl.arange(0, BLOCK)
    is_code = codes < NUM_CODES
    scores = tl.load(logits + codes, mask=is_code, other=float("-inf"))
    left = kept_weights(scores, temperature, top_k, top_p, codes, NUM_CODES)
    tl.store(weights + codes, left, mask=is_code)


@triton.jit
def _noise_kernel(asked, words, values, BLOCK: tl.constexpr):
    codes = tl.arange(0, BLOCK)
    seed, position = tl.load(asked), tl.load(asked + 1)
    tl.store(words + codes, hash_words(seed, position, codes).to(tl.int64))
    tl.store(values + codes, gumbel(seed, position, codes))
