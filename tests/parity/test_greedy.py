"""Greedy speech of the runner against a public implementation of the language model, a row at a time.

The reference hears the rows that were drawn here, and says for each what it would have drawn. Where its two best scores
lie closer than a rounding error either is right; everywhere else the codes must be equal, or be the forced ones of the
delay pattern.
"""

from dataclasses import dataclass, field, replace

import pytest
import torch

from antiphon_server.engine.runner import DecodePart, Draw, PrefillPart
from antiphon_server.model.backbone import Backbone
from antiphon_server.runtime.higgs_runner import HiggsRunner
from support.delay_oracle import DelayOracle
from support.sentences import prompts

NUM_ROWS = 24
MARGIN = 2e-5
"""Scores are equal to 1e-5; see test_backbone."""
BLOCKS_EACH = 16


@dataclass
class Comparison:
    """How far the rows of many prompts agree."""

    rows: list[tuple[int, ...]] = field(default_factory=list)
    num_clear: int = 0
    """Codes of which the reference is sure."""
    num_wrong: int = 0
    """Those that were drawn otherwise."""


def blocks(slot):
    return [slot * BLOCKS_EACH + place for place in reversed(range(BLOCKS_EACH))]


def speak(backbone, all_prompts):
    """Rows of greedy generations beside each other."""
    runner, spoken = HiggsRunner(backbone, None, num_blocks=BLOCKS_EACH * len(all_prompts), is_invariant=False), []
    for slot, prompt in enumerate(all_prompts):
        runner.begin(slot, Draw(seed=0, temperature=0.0))
        runner.prefill(PrefillPart(slot, prompt.positions, 0, blocks(slot), is_last=True))
        spoken.append(list(runner.collect()))
    for num_rows in range(1, NUM_ROWS):
        lengths = [len(prompt.positions) + num_rows for prompt in all_prompts]
        runner.launch([DecodePart(slot, length, blocks(slot)) for slot, length in enumerate(lengths)])
        for rows, row in zip(spoken, runner.collect(), strict=True):
            rows.append(row)
    return spoken


def compare(backbone, reference, all_prompts, *, misread=lambda prompt: prompt):
    """Speak prompts, as our side misreads them; what the reference says of all codes so far, prompt by prompt."""
    comparison = Comparison()
    for prompt, rows in zip(all_prompts, speak(backbone, list(map(misread, all_prompts))), strict=True):
        hidden = reference.hidden(reference.embed((*prompt.positions, *rows[:-1])))
        count(comparison, rows, reference.logits(hidden)[len(prompt.positions) - 1 :])
        yield comparison


def count(comparison, rows, scores):
    oracle, best = DelayOracle(), scores.topk(2, dim=-1)
    is_clear = best.values[..., 0] - best.values[..., 1] > MARGIN
    for index, row in enumerate(rows):
        expected = oracle.step(tuple(best.indices[index, :, 0].tolist()))
        is_forced = [codebook > index for codebook in range(8)]
        for ours, theirs, sure in zip(row, expected, is_clear[index] | torch.tensor(is_forced), strict=True):
            comparison.num_clear += bool(sure)
            comparison.num_wrong += bool(sure) and ours != theirs
        comparison.rows.append(row)


def load(checkpoint, kind=Backbone):
    backbone = kind(checkpoint.config, dtype=torch.float32)
    backbone.load(checkpoint)
    return backbone


@pytest.mark.parametrize("is_cloned", [False, True], ids=["zero-shot", "with a reference"])
def test_greedy_codes_are_the_references_for_300_rows(checkpoint, reference, tokenizer, is_cloned):
    all_prompts = list(prompts(tokenizer, is_cloned=is_cloned))
    *_, found = compare(load(checkpoint), reference, all_prompts)
    assert len(all_prompts) >= 20
    assert len(found.rows) >= 300
    assert len(set(found.rows)) >= 100
    assert found.num_clear >= 0.99 * 8 * len(found.rows)
    assert found.num_wrong == 0


class NoQueryNorm(Backbone):
    """Leaves queries and keys as they are."""

    def _norm(self, hidden, weight):
        return hidden if len(weight) == self.config.head_dim else super()._norm(hidden, weight)


def exact_rotation(backbone):
    half = torch.arange(0, backbone.config.head_dim, 2) / backbone.config.head_dim
    angles = torch.outer(torch.arange(8192.0), backbone.config.rope_theta**-half).repeat(1, 2)
    backbone.cos, backbone.sin = angles.cos(), angles.sin()


def codebooks_of_1024(backbone):
    backbone._code_offsets = torch.arange(8) * 1024


def another_first_token(prompt):
    return replace(prompt, positions=(prompt.positions[0] + 1, *prompt.positions[1:]))


MUTATIONS = {
    "no rounded rotation": {"spoil": exact_rotation},
    "no query and key norm": {"kind": NoQueryNorm},
    "wrong codebook offset": {"spoil": codebooks_of_1024},
    "wrong special token": {"misread": another_first_token},
}


@pytest.mark.parametrize("is_cloned", [False, True], ids=["zero-shot", "with a reference"])
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_same_comparison_fails_a_model_that_is_wrong_in_one_thing(
    checkpoint, reference, tokenizer, mutation, is_cloned
):
    healthy = {"kind": Backbone, "spoil": lambda _: None, "misread": lambda prompt: prompt}
    wrong = healthy | MUTATIONS[mutation]
    backbone = load(checkpoint, wrong["kind"])
    wrong["spoil"](backbone)
    found = compare(backbone, reference, list(prompts(tokenizer, is_cloned=is_cloned)), misread=wrong["misread"])
    assert any(comparison.num_wrong for comparison in found)  # the first that fails is enough
