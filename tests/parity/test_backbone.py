"""The language model against transformers' Qwen3 with the same weights, and against itself in pieces."""

import pytest
import torch

from antiphon_server.model.backbone import Backbone
from antiphon_server.model.higgs_config import CODE_VOCABULARY, HiggsConfig
from antiphon_server.model.layout import backbone_shapes
from antiphon_server.model.prompt import Reference, build_prompt
from antiphon_server.model.tokenizer import TextTokenizer
from antiphon_server.runtime.paged_kv import DecodeAttention, PagedKV, PrefillAttention
from support.references import qwen3

NUM_ROWS = 16
MARGIN = 1e-4
SENTENCES = [f"{start} {end}" for start in ("Hello there,", "It is", "Speak of", "Why do", "Ten") for end in
             ("and welcome back.", "only what we said.", "nothing else at all!", "ships and sails?")]  # fmt: skip


def load(checkpoint, dtype):
    backbone = Backbone(checkpoint.config, dtype=dtype)
    backbone.load(checkpoint)
    return backbone


@pytest.fixture(scope="module")
def backbone(checkpoint):
    return load(checkpoint, torch.float32)


@pytest.fixture(scope="module")
def tokenizer(checkpoint):
    return TextTokenizer(checkpoint.folder / "tokenizer.json")


def prompts(tokenizer):
    noise = torch.Generator().manual_seed(4)
    for index, sentence in enumerate(SENTENCES):
        rows = tuple(map(tuple, torch.randint(0, 1024, (12, 8), generator=noise).tolist()))
        reference = Reference(rows, tuple(tokenizer.encode("as heard"))) if index % 2 else None
        yield build_prompt(tokenizer.encode(sentence), reference=reference)


def embed(backbone, positions):
    return torch.cat(
        [
            backbone.embed_text(torch.tensor([place]))
            if isinstance(place, int)
            else backbone.embed_rows(torch.tensor([place]))
            for place in positions
        ]
    )


def cache(backbone, num_blocks=16):
    return PagedKV(backbone.config, num_blocks=num_blocks, block_size=16, dtype=backbone.dtype, device="cpu")


def forward(backbone, hidden):
    """All positions in one call."""
    num = len(hidden)
    attention = PrefillAttention(cache(backbone), list(range(15, -1, -1)), num_cached=0, num_new=num)
    return backbone.forward(hidden, torch.arange(num), attention)


def theirs(model, hidden):
    with torch.inference_mode():
        return model(inputs_embeds=hidden[None]).last_hidden_state[0]


def test_hidden_states_and_logits_are_the_references_in_fp32(backbone, tokenizer):
    model = qwen3(backbone)
    for prompt in prompts(tokenizer):
        hidden = embed(backbone, prompt.positions)
        ours, expected = forward(backbone, hidden), theirs(model, hidden)
        assert (ours - expected).abs().max() <= 1e-5
        expected_logits = (expected @ backbone.code_embedding.T).view(-1, 8, CODE_VOCABULARY)
        assert (backbone.logits(ours) - expected_logits).abs().max() <= 1e-5


def test_bf16_is_as_near_to_the_exact_result_as_the_reference_is(checkpoint, tokenizer):
    backbone = load(checkpoint, torch.bfloat16)
    rough, exact = qwen3(backbone, dtype=torch.bfloat16), qwen3(backbone, dtype=torch.float64)
    errors = torch.zeros(2)
    for prompt in prompts(tokenizer):
        hidden = embed(backbone, prompt.positions)
        truth = theirs(exact, hidden.double())
        errors[0] += (forward(backbone, hidden).double() - truth).square().mean().float()
        errors[1] += (theirs(rough, hidden).double() - truth).square().mean().float()
    ours, reference = errors.sqrt().tolist()
    assert ours <= 1.5 * reference


def test_greedy_codes_are_the_references_for_300_rows(backbone, tokenizer):
    model, seen, num_compared = qwen3(backbone), set(), 0
    for prompt in prompts(tokenizer):
        hidden, num = embed(backbone, prompt.positions), len(prompt.positions)
        store = cache(backbone)
        blocks = list(range(16))
        out = backbone.forward(hidden, torch.arange(num), PrefillAttention(store, blocks, num_cached=0, num_new=num))
        for step in range(NUM_ROWS):
            logits = backbone.logits(out[-1:])[0]
            reference = (theirs(model, hidden)[-1] @ backbone.code_embedding.T).view(8, CODE_VOCABULARY)
            best = reference.topk(2, dim=-1).values
            is_clear = best[:, 0] - best[:, 1] > MARGIN
            assert torch.equal(logits.argmax(-1)[is_clear], reference.argmax(-1)[is_clear])
            row = reference.argmax(-1)
            seen.add(tuple(row.tolist()))
            num_compared += 1
            embedded = backbone.embed_rows(row[None])
            hidden = torch.cat((hidden, embedded))
            place = torch.tensor([num + step])
            out = backbone.forward(embedded, place, DecodeAttention(store, [blocks], [num + step + 1]))
    assert num_compared >= 300
    assert len(seen) >= 100


def drop(part):
    def edit(weights):
        for name in weights:
            if part in name:
                weights[name] = torch.ones_like(weights[name])

    return edit


@pytest.mark.parametrize("mutation", ["rotation", "query norm", "codebook offset", "special token"])
def test_each_of_the_models_quirks_matters(backbone, tokenizer, mutation):
    """What the comparison above would not forgive."""
    prompt = list(prompts(tokenizer))[1]
    hidden = embed(backbone, prompt.positions)
    model = qwen3(
        backbone, rounds_rotation=mutation != "rotation", edit=drop("q_norm") if mutation == "query norm" else None
    )
    changed = hidden.clone()
    if mutation == "special token":
        changed[0] = backbone.embed_text(torch.tensor([prompt.positions[0] + 1]))[0]
    if mutation == "codebook offset":
        place = next(index for index, row in enumerate(prompt.positions) if not isinstance(row, int))
        rows = torch.tensor(prompt.positions[place]) + torch.arange(8) * (CODE_VOCABULARY - 2)
        changed[place] = backbone.code_embedding[rows].sum(0)
    assert (forward(backbone, hidden) - theirs(model, changed)).abs().max() > 1e-4


def test_a_row_is_summed_wide_and_rounded_once(checkpoint):
    backbone = load(checkpoint, torch.bfloat16)
    rows = torch.randint(0, 1024, (400, 8), generator=torch.Generator().manual_seed(2))
    table = backbone.code_embedding.view(8, CODE_VOCABULARY, -1)
    exact = sum(table[codebook, rows[:, codebook]].double() for codebook in range(8))
    assert torch.equal(backbone.embed_rows(rows), exact.float().to(torch.bfloat16))
    narrow = table[0, rows[:, 0]]
    for codebook in range(1, 8):
        narrow = narrow + table[codebook, rows[:, codebook]]
    assert not torch.equal(backbone.embed_rows(rows), narrow)


def test_prefill_and_decode_together_are_one_forward(backbone, tokenizer):
    prompt = list(prompts(tokenizer))[3]
    hidden = embed(backbone, prompt.positions)
    whole, num = forward(backbone, hidden), len(hidden)
    store, blocks, cut = cache(backbone), [5, 2, 9, 1, 0, 3, 4, 6], num - 5
    backbone.forward(hidden[:cut], torch.arange(cut), PrefillAttention(store, blocks, num_cached=0, num_new=cut))
    for place in range(cut, num):
        attention = DecodeAttention(store, [blocks], [place + 1])
        out = backbone.forward(hidden[place : place + 1], torch.tensor([place]), attention)
        assert (out[0] - whole[place]).abs().max() <= 1e-5


def test_the_published_model_has_its_published_number_of_values():
    shapes = backbone_shapes(HiggsConfig())
    assert len(shapes) == 399
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 4_244_881_897 - 201_401_321
