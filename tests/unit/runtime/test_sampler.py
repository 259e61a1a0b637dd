"""Draws and the delay machine: against an oracle, against the exact distribution, and alone as in company."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.engine.runner import BROKEN, Draw
from antiphon_server.runtime.sampler import STOP, SamplerState, gumbel, hash_words, kept_log_probs, sample
from support.delay_oracle import EOC, DelayOracle

VOCABULARY = 1026


def sharp(rows):
    """Logits that leave only the given codes to draw."""
    logits = torch.full((len(rows), 8, VOCABULARY), -1e4)
    return logits.scatter_(-1, torch.tensor(rows)[..., None], 0.0)


codes = st.one_of(st.just(EOC), st.integers(0, 1025))


@given(st.lists(st.tuples(*[codes] * 8), min_size=1, max_size=40), st.sampled_from([0.0, 1.0]))
@settings(deadline=None)
def test_the_delay_machine_does_what_the_oracle_does(drawn, temperature):
    state, oracle, slots = SamplerState(3), DelayOracle(), torch.tensor([1])
    state.begin(1, Draw(seed=5, temperature=temperature), VOCABULARY)
    for row in drawn:
        out = sample(state, slots, sharp([row]))
        assert tuple(out[0].tolist()) == oracle.step(row)
        assert bool(state.is_done[1]) == oracle.is_done
        assert tuple(state.last_rows[1].tolist()) == oracle.last_codes


@pytest.mark.parametrize("end_row", [8, 9, 30])
def test_an_end_sign_in_row_k_gives_k_frames(end_row):
    state, slots, num_rows = SamplerState(1), torch.tensor([0]), 0
    state.begin(0, Draw(seed=1), VOCABULARY)
    while not state.is_done[0]:
        sample(state, slots, sharp([(EOC if num_rows == end_row else 7,) * 8]))
        num_rows += 1
    assert num_rows - 7 == end_row
    assert sample(state, slots, sharp([(7,) * 8])).tolist() == [[STOP] * 8]


def test_slots_do_not_disturb_each_other():
    logits = torch.randn(64, 8, VOCABULARY, generator=torch.Generator().manual_seed(1)) * 3
    crowd, alone = SamplerState(64), SamplerState(1)
    for slot in range(64):
        crowd.begin(slot, Draw(seed=slot, temperature=0.8, top_k=50, top_p=0.9), VOCABULARY)
    alone.begin(0, Draw(seed=40, temperature=0.8, top_k=50, top_p=0.9), VOCABULARY)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(2))
    for _ in range(20):
        rows = sample(crowd, order, logits[order])
        own = sample(alone, torch.tensor([0]), logits[40:41])
        assert torch.equal(rows[(order == 40).nonzero()[0, 0]], own[0])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_one_score_that_is_no_number_breaks_its_row_and_no_other(bad, temperature):
    logits = torch.randn(3, 8, VOCABULARY, generator=torch.Generator().manual_seed(6))
    spoilt = logits.clone()
    spoilt[1, 5, 700] = bad
    healthy, state = SamplerState(3), SamplerState(3)
    for slot in range(3):
        for one in (healthy, state):
            one.begin(slot, Draw(seed=slot, temperature=temperature), VOCABULARY)
    slots = torch.arange(3)
    expected, rows = sample(healthy, slots, logits), sample(state, slots, spoilt)
    assert tuple(rows[1].tolist()) == BROKEN
    assert torch.equal(rows[[0, 2]], expected[[0, 2]])
    after = sample(state, slots, spoilt)
    assert after[1].tolist() == [STOP] * 8
    assert torch.equal(after[[0, 2]], sample(healthy, slots, logits)[[0, 2]])


def test_greedy_takes_the_likeliest_and_needs_no_seed():
    logits = torch.randn(2, 8, VOCABULARY, generator=torch.Generator().manual_seed(3))
    state = SamplerState(2)
    state.begin(0, Draw(seed=1, temperature=0.0), VOCABULARY)
    state.begin(1, Draw(seed=2, temperature=1.0, top_k=1), VOCABULARY)
    for _ in range(9):
        rows = sample(state, torch.tensor([0, 1]), logits)
    assert torch.equal(rows, logits.argmax(-1))


def test_top_k_then_top_p_leave_the_smallest_set_that_is_enough():
    probs = torch.tensor([0.4, 0.3, 0.2, 0.1])
    kept = kept_log_probs(probs.log()[None, None], torch.tensor([1.0]), torch.tensor([3]), torch.tensor([0.7])).exp()[
        0, 0
    ]
    # Of the three that top-k leaves (4/9, 3/9, 2/9), the first two reach 0.7.
    assert torch.allclose(kept, torch.tensor([4 / 7, 3 / 7, 0.0, 0.0]))
    tiny = kept_log_probs(probs.log()[None, None], torch.tensor([1.0]), torch.tensor([4]), torch.tensor([1e-9]))
    assert tiny.exp()[0, 0].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_without_top_p_no_code_is_left_out_however_unlikely():
    logits = torch.full((1, 1, VOCABULARY), -18.0)
    logits[..., 0] = 0.0
    off = torch.tensor([VOCABULARY])
    kept = kept_log_probs(logits, torch.tensor([1.0]), off, torch.tensor([1.0]))
    assert torch.allclose(kept, logits.log_softmax(-1), atol=1e-5)


def chi_square(drawn, probs):
    """How far counts of independent draws are from what was expected; only codes that can be drawn count."""
    is_possible = probs > 0
    counts = torch.bincount(drawn.flatten(), minlength=len(probs)).double()
    assert counts[~is_possible].sum() == 0
    expected = probs.double() * drawn.numel()
    return float(((counts - expected).square() / expected)[is_possible].sum())


def test_noise_draws_the_exact_distribution_position_after_position():
    """Chi-square over 16 codes at 20,000 positions; the 99.99 % point of 15 degrees of freedom is 44.3."""
    probs = torch.softmax(torch.linspace(0, 3, 16), 0)
    positions = torch.arange(20_000)[:, None]
    noise = gumbel(torch.tensor(77), positions, torch.arange(16))
    assert chi_square((probs.log().double() + noise).argmax(-1), probs) < 44.3


@pytest.mark.parametrize(
    ("how", "num_codes", "limit"),  # the 99.99 % point of chi-square with a degree of freedom less than codes
    [
        (Draw(seed=0), 32, 69.1),
        (Draw(seed=0, temperature=0.7), 32, 69.1),
        (Draw(seed=0, temperature=0.7, top_k=12), 12, 37.4),
        (Draw(seed=0, top_p=0.6), 7, 27.9),
        (Draw(seed=0, temperature=1.3, top_k=20, top_p=0.8), 12, 37.4),
    ],
)
def test_whole_draws_follow_the_exact_distribution_for_every_setting(how, num_codes, limit):
    """128 requests with seeds of their own draw 8 codes in 20 steps, all from the same scores."""
    scores = torch.linspace(0, 4, 32)
    probs = exact_distribution(scores, how)
    assert int((probs > 0).sum()) == num_codes
    state, slots = SamplerState(128), torch.arange(128)
    for slot in range(128):
        state.begin(slot, replace(how, seed=slot * 7919), 32)
    logits = scores.expand(128, 8, 32)
    rows = torch.stack([sample(state, slots, logits) for _ in range(28)])
    assert chi_square(rows[8:], probs) < limit


def exact_distribution(scores, how):
    """What the rules say, written with plain numbers: temperature, then the best k, then the fewest that reach p."""
    probs = {code: float(prob) for code, prob in enumerate(torch.softmax(scores.double() / how.temperature, 0))}
    best = sorted(probs, key=lambda code: -probs[code])[: how.top_k or len(probs)]
    total, kept, mass = sum(probs[code] for code in best), [], 0.0
    for code in best:
        kept.append(code)
        mass += probs[code] / total
        if mass >= (how.top_p or 2.0):
            break
    total = sum(probs[code] for code in kept)
    return torch.tensor([probs[code] / total if code in kept else 0.0 for code in range(len(scores))])


@given(st.integers(0, 2**31 - 1), st.integers(0, 70_000), st.integers(0, 1025))
def test_the_hash_is_murmur3_of_four_words(seed, position, code):
    hashed = hash_words(torch.tensor(seed), torch.tensor(position), torch.tensor(code))
    words = seed.to_bytes(8, "little") + position.to_bytes(4, "little") + code.to_bytes(4, "little")
    assert int(hashed) == murmur3(words)


def test_the_hash_gives_published_values():
    """Values of the reference implementation (mmh3 5.3.1) for 16 bytes; the rest are test vectors of MurmurHash3."""
    assert int(hash_words(torch.tensor(5), torch.tensor(77), torch.tensor(1000))) == 4_274_844_414
    assert murmur3(b"") == 0
    assert murmur3(b"test") == 0xBA6BD213
    assert murmur3(b"\0\0\0\0") == 0x2362F9DE
    assert murmur3(b"\xff\xff\xff\xff") == 0x76293B50
    assert murmur3(b"\x21\x43\x65\x87") == 0xF55B516B


def murmur3(data: bytes) -> int:
    def turn(word, bits):
        return (word << bits | word >> 32 - bits) & 0xFFFFFFFF

    state = 0
    for at in range(0, len(data), 4):
        word = int.from_bytes(data[at : at + 4], "little") * 0xCC9E2D51 & 0xFFFFFFFF
        state = turn(state ^ turn(word, 15) * 0x1B873593 & 0xFFFFFFFF, 13) * 5 + 0xE6546B64 & 0xFFFFFFFF
    state ^= len(data)
    state = (state ^ state >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    state = (state ^ state >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return state ^ state >> 16
