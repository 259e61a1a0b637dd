"""The twins: what the eager model does, to the bit; the kernels' signatures; and no need of Triton, nor of waiting."""

import inspect
import subprocess
import sys
from dataclasses import replace
from functools import partial
from importlib import import_module

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.codec.delay import NUM_CODEBOOKS
from antiphon_server.engine.runner import Draw
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.higgs_config import CODE_VOCABULARY, CONTEXT_POSITIONS, HiggsConfig
from antiphon_server.model.qwen3 import rotate, rotation_table
from antiphon_server.runtime.kernels.choice import Kernels, choose
from antiphon_server.runtime.kernels.paged_attention_twin import partial_shapes
from antiphon_server.runtime.paged_kv import DecodeAttention, PagedKV
from antiphon_server.runtime.sampler import SamplerState, sample

NAMES = list(Kernels.__dataclass_fields__)
CONFIG = HiggsConfig(
    num_layers=1, hidden_size=48, intermediate_size=64, num_heads=4, num_kv_heads=2, head_dim=16, vocabulary=8
)
TWINS = choose(is_triton=False)
BLOCK_SIZE = 16


@pytest.fixture
def backbone():
    torch.manual_seed(2)
    made = Backbone(CONFIG)
    for _, weight in made.named():
        weight.copy_(torch.randn(weight.shape))
    return made


def bf16(*shape):
    return torch.randn(shape).bfloat16()


def test_add_norm_is_the_backbones(backbone):
    weight = backbone.layers[0].input_norm
    hidden, delta, normed = bf16(5, 48), bf16(5, 48), bf16(5, 48)
    expected_sum = hidden + delta
    TWINS.add_norm(hidden, delta, weight, CONFIG.rms_eps, normed)
    assert torch.equal(hidden, expected_sum)
    assert torch.equal(normed, backbone._norm(expected_sum, weight))
    TWINS.add_norm(hidden, None, weight, CONFIG.rms_eps, normed)
    assert torch.equal(hidden, expected_sum)


def test_rotate_and_store_is_the_backbones(backbone):
    layer, table = backbone.layers[0], rotation_table(CONFIG, CONTEXT_POSITIONS, rounded_to=torch.bfloat16)
    qkv, positions, slots = bf16(3, 8 * 16), torch.tensor([900, 0, 33]), torch.tensor([5, 31, 2])
    query, cache = bf16(3, 4, 16), (bf16(32, 2, 16), bf16(32, 2, 16))
    expected = cache[0].clone(), cache[1].clone()
    cos, sin = (part[positions, None] for part in table)
    asked, key, value = backbone._heads(qkv)
    expected[0][slots] = rotate(backbone._norm(key, layer.key_norm), cos, sin)
    expected[1][slots] = value
    norms = layer.query_norm, layer.key_norm
    TWINS.rotate_and_store(qkv, norms, CONFIG.rms_eps, table, positions, slots, query, cache)
    assert torch.equal(query, rotate(backbone._norm(asked, layer.query_norm), cos, sin))
    assert torch.equal(cache[0], expected[0])
    assert torch.equal(cache[1], expected[1])


def test_embed_rows_is_the_backbones(backbone):
    rows, slots, hidden = torch.randint(0, CODE_VOCABULARY, (6, 8)), torch.tensor([5, 0, 0]), bf16(3, 48)
    TWINS.embed_rows(rows, slots, backbone.code_embedding, hidden)
    assert torch.equal(hidden, backbone.embed_rows(rows[slots]))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_paged_attention_is_the_runners(dtype, tolerance):
    """Up to the order of its sums, and in bf16 the rounding of its weights."""
    torch.manual_seed(3)
    cache = PagedKV(CONFIG, num_blocks=60, block_size=BLOCK_SIZE, dtype=dtype, device="cpu")
    cache.store.copy_(torch.randn(cache.store.shape))
    lengths, tables = [1, 40, 256, 530], torch.randperm(60).repeat(4, 1)[:, :40]
    query, key, value = (torch.randn(4, heads, 16).to(dtype) for heads in (4, 2, 2))
    expected = DecodeAttention(cache, tables.tolist(), lengths).attend(0, query, key, value)
    mixed, room = torch.empty_like(query), tuple(map(torch.empty, partial_shapes(4, 4, 16, 640)))
    parts = cache.store[0, 0], cache.store[0, 1]
    TWINS.paged_attention(query, parts, BLOCK_SIZE, tables.int(), torch.tensor(lengths).int(), room, mixed)
    torch.testing.assert_close(mixed, expected, rtol=tolerance, atol=tolerance)


def test_sample_is_the_runners():
    logits, slots = torch.randn(3, 8, CODE_VOCABULARY), torch.tensor([2, 0, 1])
    own, twin = SamplerState(4), SamplerState(4)
    for state in (own, twin):
        for slot in range(3):
            state.begin(slot, Draw(seed=slot, temperature=0.9, top_k=40, top_p=0.9), CODE_VOCABULARY)
    for _ in range(10):
        drawn, rows = torch.zeros(2, 3, 8, dtype=torch.long)
        TWINS.sample(twin, slots, logits, drawn, rows)
        assert torch.equal(rows, sample(own, slots, logits))
    assert torch.equal(own.last_rows, twin.last_rows)


@pytest.fixture(params=["twins", "interpreted"])
def kernels(request):
    """Both sets, the kernels themselves interpreted."""
    if request.param == "twins":
        return TWINS
    process = request.getfixturevalue("interpreted")
    return Kernels(**{name: partial(process.call, name) for name in NAMES})


def test_a_step_of_them_is_the_backbones_step(kernels):
    """Embedding, two layers and the head, in fp32; three rows at places of their own."""
    made = Backbone(replace(CONFIG, num_layers=2), dtype=torch.float32)
    for _, weight in made.named():
        weight.copy_(torch.randn(weight.shape) * weight.shape[-1] ** -0.5)
    lengths, tables = [3, 17, 40], torch.randperm(12).view(3, 4).int()
    last_rows, slots = torch.randint(0, CODE_VOCABULARY, (5, 8)), torch.tensor([4, 0, 2])
    caches = [
        PagedKV(made.config, num_blocks=12, block_size=BLOCK_SIZE, dtype=torch.float32, device="cpu") for _ in range(2)
    ]
    for cache in caches:
        cache.store.copy_(torch.randn(cache.store.shape, generator=torch.Generator().manual_seed(6)))
    positions = torch.tensor(lengths) - 1
    attention = DecodeAttention(caches[0], tables.tolist(), lengths)
    expected = made.logits(made.forward(made.embed_rows(last_rows[slots]), positions, attention))
    hidden = step(kernels, made, caches[1], last_rows, slots, positions, tables)
    torch.testing.assert_close(made.logits(hidden), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(caches[1].store, caches[0].store, rtol=1e-4, atol=1e-4)


def step(kernels, made, cache, last_rows, slots, positions, tables):
    """The normed output of a decode step."""
    config, batch = made.config, len(slots)
    hidden, normed = torch.empty(2, batch, config.hidden_size)
    query, mixed = torch.empty(2, batch, config.num_heads, config.head_dim)
    room = tuple(map(torch.empty, partial_shapes(batch, config.num_heads, config.head_dim, 4 * BLOCK_SIZE)))
    cache_slots = tables[torch.arange(batch), positions // BLOCK_SIZE] * BLOCK_SIZE + positions % BLOCK_SIZE
    delta = None
    kernels.embed_rows(last_rows, slots, made.code_embedding, hidden)
    for layer, kept in zip(made.layers, cache.store, strict=True):
        parts, norms = (kept[0], kept[1]), (layer.query_norm, layer.key_norm)
        kernels.add_norm(hidden, delta, layer.input_norm, config.rms_eps, normed)
        table, qkv = (made.cos, made.sin), F.linear(normed, layer.qkv)
        kernels.rotate_and_store(qkv, norms, config.rms_eps, table, positions, cache_slots, query, parts)
        kernels.paged_attention(query, parts, BLOCK_SIZE, tables, (positions + 1).int(), room, mixed)
        kernels.add_norm(hidden, F.linear(mixed.flatten(1), layer.output), layer.inner_norm, config.rms_eps, normed)
        gate, up = F.linear(normed, layer.gate_up).chunk(2, -1)
        delta = F.linear(F.silu(gate) * up, layer.down)
    kernels.add_norm(hidden, delta, made.final_norm, config.rms_eps, normed)
    return normed


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_takes_what_its_kernel_takes(name):
    package = "antiphon_server.runtime.kernels"
    kernel, twin = (getattr(import_module(f"{package}.{name}{suffix}"), name) for suffix in ("", "_twin"))
    assert inspect.signature(kernel) == inspect.signature(twin)
    assert getattr(choose(is_triton=True), name) is kernel
    assert getattr(choose(is_triton=False), name) is twin


def test_a_step_of_twins_waits_for_nothing():
    """No value is asked for on the way: with tensors that hold none, that would raise."""
    with FakeTensorMode():
        slots, positions = torch.tensor([0, 3]), torch.tensor([10, 0])
        hidden, normed = bf16(2, 48), bf16(2, 48)
        TWINS.embed_rows(torch.zeros(4, 8, dtype=torch.long), slots, bf16(8 * CODE_VOCABULARY, 48), hidden)
        TWINS.add_norm(hidden, None, bf16(48), 1e-6, normed)
        TWINS.add_norm(hidden, bf16(2, 48), bf16(48), 1e-6, normed)
        cache, query, mixed = (bf16(64, 2, 16), bf16(64, 2, 16)), bf16(2, 4, 16), bf16(2, 4, 16)
        norms, table = (bf16(16), bf16(16)), rotation_table(CONFIG, CONTEXT_POSITIONS, rounded_to=torch.bfloat16)
        TWINS.rotate_and_store(bf16(2, 8 * 16), norms, 1e-6, table, positions, slots, query, cache)
        tables, lengths = torch.zeros(2, 4, dtype=torch.int32), torch.tensor([11, 0]).int()
        room = tuple(map(torch.empty, partial_shapes(2, 4, 16, 64)))
        TWINS.paged_attention(query, cache, BLOCK_SIZE, tables, lengths, room, mixed)
        drawn, rows = torch.zeros(2, 2, 8, dtype=torch.long)
        TWINS.sample(SamplerState(4), slots, bf16(2, NUM_CODEBOOKS, CODE_VOCABULARY), drawn, rows)
        assert rows.shape == (2, 8)


def test_twins_need_no_triton():
    code = """if True:
        import sys
        sys.modules["triton"] = None  # as if it were not installed
        from antiphon_server.runtime.kernels.choice import choose
        assert choose(is_triton=False).add_norm
        try:
            choose(is_triton=True)
        except ModuleNotFoundError:
            print("not installed")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("not installed\n", 0), done.stderr
