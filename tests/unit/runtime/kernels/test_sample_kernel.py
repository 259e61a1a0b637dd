"""The sampler's kernel, interpreted, against the sampler: what is kept, what is drawn, and the delay machine."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.engine.runner import BROKEN, Draw
from antiphon_server.runtime.kernels import sample_twin
from antiphon_server.runtime.sampler import SamplerState, gumbel, hash_words, kept_log_probs
from support import sampler_probe
from support.delay_oracle import EOC, DelayOracle

VOCABULARY = 1026
NEAR = 1e-5
"""Two ways to add fp32 up may take a decision that is as close as this differently."""


def both(interpreted, state, slots, logits):
    """Rows of the kernel and of its twin, each with the state it leaves."""
    rows, twin_rows = torch.full((2, len(slots), 8), 99)
    own, twin = copy.deepcopy(state), copy.deepcopy(state)
    interpreted.call("sample", own, slots, logits, torch.zeros_like(rows), rows)
    sample_twin.sample(twin, slots, logits, torch.zeros_like(rows), twin_rows)
    return (rows, own), (twin_rows, twin)


def assert_same_state(own, twin):
    for name in vars(own):
        assert torch.equal(getattr(own, name), getattr(twin, name)), name


# What is kept.


def kept_by_both(interpreted, logits, temperature, top_k, top_p):
    log_probs = kept_log_probs(
        logits[None, None], torch.tensor([temperature]), torch.tensor([top_k]), torch.tensor([top_p])
    )
    own = interpreted.run(sampler_probe.kept, logits.numpy(), temperature, top_k, top_p)
    return torch.from_numpy(own), log_probs.exp()[0, 0]


@given(
    levels=st.lists(st.sampled_from([-40.0, -1.0, 0.0, 0.5, 1.0, 2.0]), min_size=2, max_size=40),
    temperature=st.sampled_from([0.3, 1.0, 1.7]),
    top_k=st.integers(1, 40),
    top_p=st.sampled_from([1e-9, 0.1, 0.35, 0.62, 0.8, 0.93, 1.0]),
)
@settings(max_examples=20)
def test_the_same_codes_are_kept_among_many_that_are_equally_likely(interpreted, levels, temperature, top_k, top_p):
    logits = torch.tensor(levels)
    own, twin = kept_by_both(interpreted, logits, temperature, min(top_k, len(levels)), top_p)
    if not decides_nearly(logits, temperature, min(top_k, len(levels)), top_p):
        assert torch.equal(own > 0, twin > 0)
        torch.testing.assert_close(own, twin, rtol=1e-5, atol=1e-7)


def decides_nearly(logits, temperature, top_k, top_p):
    """Whether what is in front of some code is as good as top_p itself."""
    probs = (logits.double() / temperature).softmax(-1).sort(descending=True).values[:top_k]
    return bool(((probs / probs.sum()).cumsum(-1) - top_p).abs().min() < NEAR) and top_p < 1


@pytest.mark.parametrize(
    ("logits", "top_k", "top_p", "kept"),
    [
        ([0.0, 0.0, 0.0, 0.0], 3, 1.0, [0, 1, 2]),
        ([0.0, 0.0, 0.0, 0.0], 4, 0.5, [0, 1]),
        ([0.0, 0.0, 0.0, 0.0], 4, 0.51, [0, 1, 2]),
        ([0.0, 1.0, 1.0, 0.0], 3, 1.0, [0, 1, 2]),
        ([0.0, 1.0, 1.0, 0.0], 4, 1e-9, [1]),
        ([0.0, 1.0, 1.0, 0.0], 4, 0.0, [1]),
        ([3.0, 2.0, 1.0, -200.0], 4, 1.0, [0, 1, 2]),
    ],
)
def test_equally_likely_codes_are_kept_from_the_lowest_on(interpreted, logits, top_k, top_p, kept):
    own, twin = kept_by_both(interpreted, torch.tensor(logits), 1.0, top_k, top_p)
    assert own.nonzero().flatten().tolist() == twin.nonzero().flatten().tolist() == kept


def test_a_tail_of_almost_nothing_is_kept_without_top_p(interpreted):
    """Although a sum in fp32 reaches 1 before it."""
    own, twin = kept_by_both(interpreted, torch.tensor([20.0, 0.0, -1.0]), 1.0, 3, 1.0)
    assert (own > 0).all()
    assert (twin > 0).all()


# What is drawn.


@given(st.integers(0, 2**31 - 1), st.integers(0, 70_000))
@settings(max_examples=15)
def test_hashes_and_noise_are_the_samplers(interpreted, seed, position):
    words, values = interpreted.run(sampler_probe.noise, seed, position, 64)
    asked = torch.tensor(seed), torch.tensor(position), torch.arange(64)
    assert torch.equal(torch.from_numpy(words), hash_words(*asked))
    torch.testing.assert_close(torch.from_numpy(values), gumbel(*asked), rtol=1e-14, atol=0.0)


DRAWS = [
    Draw(seed=5, temperature=1.0),
    Draw(seed=6, temperature=0.8, top_k=50, top_p=0.9),
    Draw(seed=7, temperature=0.8, top_k=30),
    Draw(seed=8, temperature=1.3, top_p=0.7),
    Draw(seed=9, temperature=1.0, top_p=1e-6),
    Draw(seed=10, temperature=1.0, top_k=1),
    Draw(seed=11, temperature=0.0, top_k=50),
]


def test_the_same_codes_are_drawn(interpreted):
    """From sequences in their midst, all sorts in one step; two rows of a slot that is free.

    Half of the codebooks have few levels, with many codes that are equally likely.
    """
    generator = torch.Generator().manual_seed(21)
    logits = torch.randn(9, 8, VOCABULARY, generator=generator) * 3
    logits[:, 4:] = logits[:, 4:].round()
    state = SamplerState(9)
    slots = torch.tensor([3, 1, 6, 0, 4, 2, 5, 8, 8])
    for slot, asked in enumerate(DRAWS):
        state.begin(slot, asked, VOCABULARY)
    state.num_delayed[:7], state.num_steps[:7] = 8, torch.arange(8, 15)
    (rows, own), (twin_rows, twin) = both(interpreted, state, slots, logits)
    for row, codebook in (rows != twin_rows).nonzero().tolist():
        assert drawn_nearly(state, slots, logits, row, codebook)
    assert (rows == twin_rows).all(1).sum() >= 8
    assert (rows[-2:] == -1).all()
    if torch.equal(rows, twin_rows):
        assert_same_state(own, twin)


def drawn_nearly(state, slots, logits, row, codebook):
    """Whether the two best of a draw are as good as each other."""
    slot = slots[row : row + 1]
    log_probs = kept_log_probs(logits[row : row + 1], state.temperature[slot], state.top_k[slot], state.top_p[slot])[
        0, codebook
    ]
    noise = gumbel(state.seed[slot], state.num_steps[slot] * 8 + codebook, torch.arange(VOCABULARY))
    best = (log_probs.double() + noise).topk(2).values
    return bool(best[0] - best[1] < NEAR)


def test_greedy_takes_the_first_of_the_likeliest(interpreted):
    logits = torch.zeros(2, 8, VOCABULARY)
    logits[0, :, [40, 700]] = 2.0
    logits[1, :, 1025] = 1.0
    state = SamplerState(2)
    for slot, asked in enumerate([Draw(seed=1, temperature=0.0), Draw(seed=1, top_k=1)]):
        state.begin(slot, asked, VOCABULARY)
    state.num_delayed[:] = 8
    (rows, _), (twin_rows, _) = both(interpreted, state, torch.tensor([0, 1]), logits)
    assert rows.tolist() == twin_rows.tolist() == [[40] * 8, [1025] * 8]


@pytest.mark.parametrize("score", [torch.nan, torch.inf, -torch.inf])
def test_a_score_that_is_no_number_breaks_its_row_and_no_other(interpreted, score):
    logits = torch.randn(4, 8, VOCABULARY, generator=torch.Generator().manual_seed(2)) * 3
    logits[0, 3, 1025] = logits[1, 7, 0] = logits[3, 0, 0] = score
    state = SamplerState(4)
    for slot, asked in enumerate([Draw(seed=1, temperature=0.0), Draw(seed=2, top_k=1), Draw(seed=3, top_k=1)]):
        state.begin(slot, asked, VOCABULARY)
    slots = torch.tensor([0, 1, 2, 3])
    (rows, own), (twin_rows, twin) = both(interpreted, state, slots, logits)
    assert torch.equal(rows, twin_rows)
    assert (rows[:, 7]).tolist() == [BROKEN[0], BROKEN[0], 1024, -1]
    assert own.is_done.tolist() == [True, True, False, True]
    assert_same_state(own, twin)
    assert not own.last_rows[:2].any()


# The delay machine.


def test_the_delay_machine_does_what_the_oracle_does(interpreted):
    """Four sequences, one step apart, in changing places of the step; until all have ended, and one step more."""
    end_rows = [3, 8, 9, 11]
    state, oracles, at = SamplerState(4), [DelayOracle() for _ in range(4)], [0, -1, -2, -3]
    rows, drawn = torch.zeros(2, 4, 8, dtype=torch.long)
    for step in range(22):
        if step < 4:
            state.begin(step, Draw(seed=step, temperature=0.0), VOCABULARY)
        order = torch.randperm(4, generator=torch.Generator().manual_seed(step)).tolist()
        codes = [[EOC if at[slot] in (end_rows[slot], 12) else 7 + slot + step] * 8 for slot in order]
        interpreted.call("sample", state, torch.tensor(order), sharp(torch.tensor(codes)), drawn, rows)
        for slot, row, asked in zip(order, rows.tolist(), codes, strict=True):
            if at[slot] >= 0:
                assert tuple(row) == oracles[slot].step(tuple(asked))
                assert bool(state.is_done[slot]) == oracles[slot].is_done
                assert tuple(state.last_rows[slot].tolist()) == oracles[slot].last_codes
        at = [place + 1 for place in at]
    assert all(oracle.is_done for oracle in oracles)
    assert state.num_steps.tolist() == [19, 15, 16, 18]


def sharp(codes):
    """Logits that leave only the given codes to draw."""
    return torch.full((len(codes), 8, VOCABULARY), -1e4).scatter_(-1, codes[..., None], 0.0)
