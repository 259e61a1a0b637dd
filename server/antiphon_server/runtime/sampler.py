"""From logits to rows of codes: temperature, top-k, top-p, a draw that only the request decides, and the delay machine.

State lives in tensors indexed by slot, so one call serves any set of sequences. The draw is a Gumbel-max over a hash of
(seed, step, codebook, code): no other request, batch size or restart can change it.
"""

import torch
from torch import Tensor

from antiphon_server.codec.delay import BOC, EOC, NUM_CODEBOOKS
from antiphon_server.engine.runner import BROKEN, STOPPED, Draw

STOP = STOPPED[0]
"""What a finished sequence writes instead of codes."""
NO_CODE = BROKEN[0]
"""What a draw gives where a score is no finite number."""
_GREEDY_BELOW = 1e-5
_WORD = 0xFFFF_FFFF
TAIL_STEPS = NUM_CODEBOOKS - 2
"""Rows that follow the one in which codebook 0 has said EOC."""


class SamplerState:
    """Delay machine and sampling parameters of every slot."""

    def __init__(self, num_slots: int, device: torch.device | str = "cpu") -> None:
        """Begin with all slots free."""

        def numbers(fill: int) -> Tensor:
            return torch.full((num_slots,), fill, dtype=torch.long, device=device)

        self.num_steps, self.num_delayed = numbers(0), numbers(0)
        self.countdown = numbers(-1)
        """Rows until the end once codebook 0 has said EOC; -1 before."""
        self.is_done = torch.ones(num_slots, dtype=torch.bool, device=device)
        self.last_rows = torch.zeros(num_slots, NUM_CODEBOOKS, dtype=torch.long, device=device)
        self.seed, self.top_k = numbers(0), numbers(0)
        self.temperature = torch.ones(num_slots, dtype=torch.float32, device=device)
        self.top_p = torch.ones(num_slots, dtype=torch.float32, device=device)

    def begin(self, slot: int, draw: Draw, vocabulary: int) -> None:
        """Take a slot for a new sequence."""
        self.num_steps[slot] = self.num_delayed[slot] = 0
        self.countdown[slot] = -1
        self.is_done[slot] = False
        self.seed[slot] = draw.seed & 0x7FFF_FFFF
        self.temperature[slot] = draw.temperature
        self.top_k[slot] = min(max(1, draw.top_k), vocabulary) if draw.top_k else vocabulary
        self.top_p[slot] = 1.0 if draw.top_p is None else draw.top_p

    def end(self, slot: int) -> None:
        """Give a slot back; it writes STOP until it is taken again."""
        self.is_done[slot] = True


@torch.inference_mode()
def sample(state: SamplerState, slots: Tensor, logits: Tensor) -> Tensor:
    """Draw one row for each of ``slots`` ``[B]`` from ``logits`` ``[B, 8, 1026]``: rows ``[B, 8]``, STOP where done.

    A row of which a score is no finite number is BROKEN, and its slot is done: a code drawn from it would be noise.
    """
    if bool(_is_greedy(state, slots).all()):
        return advance(state, slots, _checked(logits, logits.argmax(-1)))
    return advance(state, slots, draw(state, slots, logits))


def draw(state: SamplerState, slots: Tensor, logits: Tensor) -> Tensor:
    """Draw codes ``[B, 8]`` for the slots without moving them on; waits for nothing."""
    temperature, top_k = state.temperature[slots], state.top_k[slots]
    log_probs = kept_log_probs(logits, temperature.clamp_min(_GREEDY_BELOW), top_k, state.top_p[slots])
    positions = state.num_steps[slots, None] * NUM_CODEBOOKS + torch.arange(NUM_CODEBOOKS, device=logits.device)
    codes = torch.arange(logits.shape[-1], device=logits.device)
    noise = gumbel(state.seed[slots, None, None], positions[..., None], codes)
    drawn = (log_probs.double() + noise).argmax(-1)
    return _checked(logits, torch.where(_is_greedy(state, slots)[:, None], logits.argmax(-1), drawn))


def _checked(logits: Tensor, drawn: Tensor) -> Tensor:
    return torch.where(logits.isfinite().all(-1), drawn, NO_CODE)


def _is_greedy(state: SamplerState, slots: Tensor) -> Tensor:
    return (state.temperature[slots] <= _GREEDY_BELOW) | (state.top_k[slots] == 1)


def kept_log_probs(logits: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
    """Log-probabilities after temperature, top-k and top-p ``[B, 8, V]``; -inf for what is left out.

    Top-p works on the distribution that top-k has left; the likeliest code always stays.
    """
    probs = (logits / temperature[:, None, None]).softmax(-1)
    ordered, order = probs.sort(dim=-1, descending=True, stable=True)
    ranks = torch.arange(probs.shape[-1], device=probs.device)
    ordered = ordered * (ranks < top_k[:, None, None])
    ordered = ordered / ordered.sum(-1, keepdim=True)
    before = ordered.cumsum(-1) - ordered
    limit = top_p[:, None, None]
    is_kept = (before < limit) | (limit >= 1.0) | (ranks == 0)  # sums may round to 1 before the last code
    ordered = ordered * is_kept
    ordered = ordered / ordered.sum(-1, keepdim=True)
    return torch.zeros_like(probs).scatter(-1, order, ordered).log()


def gumbel(seed: Tensor, position: Tensor, code: Tensor) -> Tensor:
    """Noise in float64 that depends on its three arguments and nothing else; they broadcast.

    Source: the seeded sampler of sglang 0.5.15: MurmurHash3-32 over the words seed low, seed high, position, code.
    """
    uniform = hash_words(seed, position, code).double() / _WORD
    log_uniform = uniform.log().clamp(torch.finfo(torch.float64).min, -(2.0**-32))
    return -(-log_uniform).log()


def hash_words(seed: Tensor, position: Tensor, code: Tensor) -> Tensor:
    """MurmurHash3-32, seed 0, of four 32-bit words; int64 values from 0 to 2^32 - 1."""
    state = torch.zeros((), dtype=torch.long, device=seed.device)
    for word in (seed & _WORD, (seed >> 32) & _WORD, position, code):
        mixed = (word * 0xCC9E2D51) & _WORD
        mixed = _rotated(mixed, 15)
        state = state ^ ((mixed * 0x1B873593) & _WORD)
        state = (_rotated(state, 13) * 5 + 0xE6546B64) & _WORD
    state = state ^ 16
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = ((state ^ (state >> shift)) * factor) & _WORD
    return state ^ (state >> 16)


def _rotated(word: Tensor, bits: int) -> Tensor:
    return ((word << bits) | (word >> (32 - bits))) & _WORD


def advance(state: SamplerState, slots: Tensor, drawn: Tensor) -> Tensor:
    """Let the delay machine of each slot take its row of drawn codes; the rows that go out, ``[B, 8]``."""
    was_done, delayed, countdown = state.is_done[slots], state.num_delayed[slots], state.countdown[slots]
    is_broken = (drawn == NO_CODE).any(-1) & ~was_done
    is_opening = delayed < NUM_CODEBOOKS
    codebooks = torch.arange(NUM_CODEBOOKS, device=drawn.device)
    rows = torch.where(is_opening[:, None] & (codebooks > delayed[:, None]), BOC, drawn)
    is_tail = ~is_opening & (countdown >= 0)
    is_end = ~is_opening & ~is_tail & (rows[:, 0] == EOC)
    countdown = torch.where(is_tail, countdown - 1, torch.where(is_end, TAIL_STEPS, countdown))
    ends_now = is_tail & (countdown <= 0)
    is_live = ~was_done & ~is_broken
    state.num_delayed[slots] = torch.where(is_live & is_opening, delayed + 1, delayed)
    state.countdown[slots] = torch.where(is_live, countdown, state.countdown[slots])
    state.num_steps[slots] += is_live
    state.is_done[slots] = was_done | is_broken | ends_now
    keeps = (is_live & ~ends_now)[:, None]
    state.last_rows[slots] = torch.where(keeps, rows, state.last_rows[slots])
    return torch.where(was_done[:, None], STOP, torch.where(is_broken[:, None], NO_CODE, rows))
