"""Each kernel, interpreted at small sizes, against its twin in torch.

In fp32, and in fp16 for the points where a kernel rounds: what bf16 is on a GPU, fp16 is here, since the interpreter
computes rightly in it.
"""

import pytest
import torch

from antiphon_server.runtime.kernels import (
    add_norm_twin,
    embed_rows_twin,
    gate_twin,
    paged_attention_twin,
    rotate_and_store_twin,
    snake_twin,
)

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
"""A few roundings of fp32: sums are formed in another order."""


TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float16])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(4)


def assert_same(own, twin):
    """Equal up to the order of sums, which seldom decides how a shorter number is rounded."""
    if own.dtype is torch.float32:
        torch.testing.assert_close(own, twin, **CLOSE)
    else:
        torch.testing.assert_close(own, twin, rtol=2e-3, atol=1e-4)
        assert (own != twin).double().mean() < 0.01


@TYPES
@pytest.mark.parametrize("size", [16, 48, 1100])
@pytest.mark.parametrize("adds", [True, False])
def test_add_norm(interpreted, size, adds, dtype):
    hidden, delta, weight = (torch.randn(shape).to(dtype) for shape in ((3, size), (3, size), size))
    summed, normed, twin_normed = hidden.clone(), torch.full_like(hidden, torch.nan), torch.empty_like(hidden)
    interpreted.call("add_norm", summed, delta if adds else None, weight, 1e-6, normed)
    add_norm_twin.add_norm(hidden, delta if adds else None, weight, 1e-6, twin_normed)
    assert torch.equal(summed, hidden)
    assert_same(normed, twin_normed)


@TYPES
@pytest.mark.parametrize("size", [48, 1100])
def test_gate(interpreted, size, dtype):
    gate_up, gated, twin_gated = (torch.randn(3, width).to(dtype) for width in (2 * size, size, size))
    interpreted.call("gate", gate_up, gated)
    gate_twin.gate(gate_up, twin_gated)
    assert_same(gated, twin_gated)


@pytest.mark.parametrize(("channels", "length"), [(1, 5), (3, 700), (64, 33)])
def test_snake(interpreted, channels, length):
    """Channels innermost, as the decoder keeps them; the interpreter is given them in that order."""
    x, alpha = torch.randn(2, length, channels) * 3, torch.rand(channels) * 2
    images = x.transpose(1, 2).unsqueeze(2)  # [B, C, 1, T]
    result, twin_result = torch.empty_like(x), torch.empty_like(images)
    interpreted.call("snake", x.view(2 * length, channels, 1, 1), alpha, result)
    snake_twin.snake(images, alpha, twin_result)
    torch.testing.assert_close(result.transpose(1, 2).unsqueeze(2), twin_result, **CLOSE)


@TYPES
@pytest.mark.parametrize("size", [48, 1100])
def test_embed_rows(interpreted, size, dtype):
    """Rows in any order of slots, and two padding rows that share one."""
    rows, slots = torch.randint(0, 10, (6, 8)), torch.tensor([4, 0, 5, 5])
    table, hidden, twin_hidden = (torch.randn(num_rows, size).to(dtype) for num_rows in (80, 4, 4))
    interpreted.call("embed_rows", rows, slots, table, hidden)
    embed_rows_twin.embed_rows(rows, slots, table, twin_hidden)
    assert_same(hidden, twin_hidden)
    assert torch.equal(hidden[2], hidden[3])


@TYPES
@pytest.mark.parametrize(("num_heads", "num_kv_heads", "dim"), [(4, 2, 16), (4, 1, 8), (8, 2, 32)])
def test_rotate_and_store(interpreted, num_heads, num_kv_heads, dim, dtype):
    qkv = torch.randn(3, (num_heads + 2 * num_kv_heads) * dim).to(dtype)
    norms, table = tuple(torch.randn(2, dim).to(dtype)), tuple(torch.randn(2, 50, dim))
    positions, slots = torch.tensor([3, 49, 0]), torch.tensor([7, 1, 19])

    def target():
        before = torch.Generator().manual_seed(1)
        cache = torch.randn(2, 20, num_kv_heads, dim, generator=before).to(dtype)
        return torch.full((3, num_heads, dim), torch.nan, dtype=dtype), tuple(cache)

    (query, cache), (twin_query, twin_cache) = target(), target()
    interpreted.call("rotate_and_store", qkv, norms, 1e-6, table, positions, slots, query, cache)
    rotate_and_store_twin.rotate_and_store(qkv, norms, 1e-6, table, positions, slots, twin_query, twin_cache)
    assert_same(query, twin_query)
    assert_same(cache[0], twin_cache[0])
    assert torch.equal(cache[1], twin_cache[1])


BLOCK_SIZE, NUM_BLOCKS = 16, 60
LENGTHS = [1, 15, 16, 17, 255, 256, 257, 511, 512, 600, 0]


def attention_case(lengths, *, num_heads=4, num_kv_heads=2, dim=16, max_blocks=40):
    """Query, cache, block size, tables and lengths; every row has blocks of its own, in no order."""
    cache = tuple(torch.randn(NUM_BLOCKS * len(lengths) * BLOCK_SIZE, num_kv_heads, dim) for _ in range(2))
    tables = torch.stack([torch.randperm(NUM_BLOCKS)[:max_blocks] + row * NUM_BLOCKS for row in range(len(lengths))])
    query = torch.randn(len(lengths), num_heads, dim) * 3
    return query, cache, BLOCK_SIZE, tables.int(), torch.tensor(lengths, dtype=torch.int32)


def room(case):
    """Space for the pieces and the answer, full of what must not be read."""
    query, _, block_size, tables, _ = case
    shapes = paged_attention_twin.partial_shapes(*query.shape, tables.shape[1] * block_size)
    return tuple(torch.full(shape, torch.nan) for shape in shapes), torch.full(query.shape, torch.nan)


@pytest.mark.parametrize(("num_heads", "num_kv_heads", "dim"), [(4, 2, 16), (4, 1, 32), (2, 2, 16)])
def test_paged_attention(interpreted, num_heads, num_kv_heads, dim):
    case = attention_case(LENGTHS, num_heads=num_heads, num_kv_heads=num_kv_heads, dim=dim)
    (partial, mixed), (twin_partial, twin_mixed) = room(case), room(case)
    interpreted.call("paged_attention", *case, partial, mixed)
    paged_attention_twin.paged_attention(*case, twin_partial, twin_mixed)
    torch.testing.assert_close(mixed, twin_mixed, **CLOSE)
    assert not mixed[LENGTHS.index(0)].any()


def test_what_lies_beyond_a_length_is_not_read(interpreted):
    query, cache, block_size, tables, lengths = attention_case([20, 300])
    expected, got = room((query, cache, block_size, tables, lengths)), room((query, cache, block_size, tables, lengths))
    interpreted.call("paged_attention", query, cache, block_size, tables, lengths, *expected)
    for row, length in enumerate(lengths.tolist()):
        blocks = tables[row, length // block_size :].long()
        slots = (blocks[:, None] * block_size + torch.arange(block_size)).flatten()[length % block_size :]
        cache[0][slots], cache[1][slots] = torch.nan, torch.nan
        tables[row, length // block_size + 1 :] = 1 << 30
    interpreted.call("paged_attention", query, cache, block_size, tables, lengths, *got)
    assert torch.equal(got[1], expected[1])


def test_a_row_has_the_same_bits_alone_and_among_others(interpreted):
    """Although its splits are dealt to another number of programs, in a table of another length."""
    query, cache, block_size, tables, lengths = case = attention_case([600, 5, 333, 40, 512])
    crowd = room(case)
    interpreted.call("paged_attention", *case, *crowd)
    for row in (0, 2):
        wider = torch.cat((tables[row : row + 1], torch.zeros(1, 100, dtype=torch.int32)), 1)
        alone = (query[row : row + 1], cache, block_size, wider, lengths[row : row + 1])
        partial, mixed = room(alone)
        interpreted.call("paged_attention", *alone, partial, mixed)
        assert torch.equal(mixed[0], crowd[1][row])
