"""The language model against transformers' Qwen3 with the same weights, and against itself in pieces."""

import pytest
import torch

from antiphon_server.model.backbone import Backbone
from antiphon_server.model.higgs_config import HiggsConfig
from antiphon_server.model.layout import backbone_shapes
from antiphon_server.runtime.paged_kv import DecodeAttention, PagedKV, PrefillAttention
from support.references import HiggsReference
from support.sentences import prompts


def load(checkpoint, dtype):
    backbone = Backbone(checkpoint.config, dtype=dtype)
    backbone.load(checkpoint)
    return backbone


@pytest.fixture(scope="module")
def backbone(checkpoint):
    return load(checkpoint, torch.float32)


@pytest.fixture(scope="module")
def both_kinds(tokenizer):
    """Twenty prompts without a voice and twenty with one."""
    return [prompt for is_cloned in (False, True) for prompt in prompts(tokenizer, is_cloned=is_cloned)]


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


def test_hidden_states_and_logits_are_the_references_in_fp32(backbone, reference, both_kinds):
    for prompt in both_kinds:
        embedded = reference.embed(prompt.positions)
        # Eight terms in another order: the last bit of a sum may differ.
        assert torch.allclose(embed(backbone, prompt.positions), embedded, rtol=0, atol=1e-6)
        expected = reference.hidden(embedded)
        ours = forward(backbone, embed(backbone, prompt.positions))
        assert (ours - expected).abs().max() <= 1e-5
        assert (backbone.logits(ours) - reference.logits(expected)).abs().max() <= 1e-5


def test_bf16_is_as_near_to_the_exact_result_as_the_reference_is(checkpoint, both_kinds):
    backbone = load(checkpoint, torch.bfloat16)
    rough, exact = (HiggsReference(checkpoint.folder, dtype=dtype) for dtype in (torch.bfloat16, torch.float64))
    errors = torch.zeros(2)
    for prompt in both_kinds:
        embedded = rough.embed(prompt.positions)
        truth = exact.hidden(embedded.double())
        errors[0] += (forward(backbone, embedded).double() - truth).square().mean().float()
        errors[1] += (rough.hidden(embedded).double() - truth).square().mean().float()
    ours, theirs = errors.sqrt().tolist()
    assert ours <= 1.5 * theirs


class WideSum(Backbone):
    """Does not round the sum of a row's embeddings."""

    def embed_rows(self, rows):
        return self.code_embedding[rows + self._code_offsets].float().sum(1)


class NarrowSum(Backbone):
    """Rounds at every addition."""

    def embed_rows(self, rows):
        gathered = self.code_embedding[rows + self._code_offsets]
        total = gathered[:, 0]
        for codebook in range(1, 8):
            total = total + gathered[:, codebook]
        return total


class ShiftedCodebooks(Backbone):
    """Takes codebooks for 1024 codes apart, without their two signs."""

    def embed_rows(self, rows):
        return super().embed_rows(rows - 2 * torch.arange(8))


@pytest.mark.parametrize(
    ("kind", "is_right"), [(Backbone, True), (WideSum, False), (NarrowSum, False), (ShiftedCodebooks, False)]
)
def test_rows_are_embedded_as_the_reference_does_to_the_last_bit_in_bf16(checkpoint, kind, is_right):
    """And what this comparison would not forgive: the language model's output cannot tell these sums apart in bf16."""
    backbone = kind(checkpoint.config, dtype=torch.bfloat16)
    backbone.load(checkpoint)
    rows = torch.randint(0, 1026, (400, 8), generator=torch.Generator().manual_seed(2)).tolist()
    rows = [tuple(min(code + 2 * at, 1025) for at, code in enumerate(row)) for row in rows]
    expected = HiggsReference(checkpoint.folder, dtype=torch.bfloat16).embed(rows)
    ours = backbone.embed_rows(torch.tensor(rows))
    assert torch.equal(ours.float(), expected.float()) is is_right


@pytest.mark.parametrize("num_decoded", [1, 5, 30])
def test_prefill_and_decode_together_are_one_forward(backbone, tokenizer, num_decoded):
    prompt = list(prompts(tokenizer, is_cloned=True))[3]
    hidden = embed(backbone, prompt.positions)
    whole, num = forward(backbone, hidden), len(hidden)
    store, blocks, cut = cache(backbone), [5, 2, 9, 1, 0, 3, 4, 6], num - num_decoded
    backbone.forward(hidden[:cut], torch.arange(cut), PrefillAttention(store, blocks, num_cached=0, num_new=cut))
    for place in range(cut, num):
        attention = DecodeAttention(store, [blocks], [place + 1])
        out = backbone.forward(hidden[place : place + 1], torch.tensor([place]), attention)
        assert (out[0] - whole[place]).abs().max() <= 1e-5


def test_a_prompt_in_two_parts_is_one_forward(backbone, tokenizer):
    prompt = list(prompts(tokenizer, is_cloned=True))[3]
    hidden = embed(backbone, prompt.positions)
    whole, num, store, blocks = forward(backbone, hidden), len(hidden), cache(backbone), [5, 2, 9, 1, 0, 3, 4, 6]
    parts = []
    for first, last in ((0, 16), (16, num)):
        attention = PrefillAttention(store, blocks, num_cached=first, num_new=last - first)
        parts.append(backbone.forward(hidden[first:last], torch.arange(first, last), attention))
    assert (torch.cat(parts) - whole).abs().max() <= 1e-5


def test_the_published_model_has_its_published_number_of_values():
    shapes = backbone_shapes(HiggsConfig())
    assert len(shapes) == 399
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 4_244_881_897 - 201_401_321
