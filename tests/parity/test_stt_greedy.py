"""Greedy answers of Higgs Audio v3 STT, from samples to ids, against a public implementation, an id at a time.

The reference reads the ids that were drawn here, and says for each what it would have drawn. Where its two best scores
lie closer than a rounding error either is right; everywhere else the ids must be equal.
"""

from dataclasses import dataclass

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.model.stt import prompt as layout
from antiphon_server.model.stt.chunks import CHUNK_SAMPLES
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.mel import log_mel
from antiphon_server.model.stt.vocabulary import stt_tokens
from antiphon_server.model.tokenizer import TextTokenizer
from antiphon_server.runtime.paged_kv import DecodeAttention, PagedKV, PrefillAttention
from support.clips import clip

NUM_CLIPS = 24
NUM_IDS = 10
NUM_BLOCKS = 16
MARGIN = 2e-5
"""Scores are equal to 1e-5; see test_stt_parts."""


@pytest.fixture(scope="module")
def stt_tokenizer(stt_checkpoint):
    return TextTokenizer(stt_checkpoint.folder / "tokenizer.json", stt_tokens())


@pytest.fixture(scope="module")
def clips():
    """From 0.3 to 7 s: up to two chunks."""
    return [clip(seed, 4_800 + 4_801 * seed) for seed in range(NUM_CLIPS)]


@dataclass
class Listener:
    """The model as the tests put it together; a mutation replaces one part."""

    ear: Ear
    decoder: TextDecoder
    tokenizer: TextTokenizer

    def hear(self, samples):
        return torch.cat([self.ear.hear(log_mel(chunk[None]))[0] for chunk in samples.split(CHUNK_SAMPLES)])

    def ids(self, num_rows):
        return layout.prompt_ids(self.tokenizer, [num_rows])

    def answer(self, samples):
        """Prefill and decode through blocks, as a server does."""
        heard = self.hear(samples)
        ids = self.ids(len(heard))
        num, blocks = len(ids), list(range(NUM_BLOCKS - 1, -1, -1))
        cache = PagedKV(self.decoder.config, num_blocks=NUM_BLOCKS, block_size=16, dtype=torch.float32, device="cpu")
        prefill = PrefillAttention(cache, blocks, num_cached=0, num_new=num)
        hidden = self.decoder.forward(self.decoder.embed_prompt(torch.tensor(ids), heard), torch.arange(num), prefill)
        drawn = [int(self.decoder.logits(hidden[-1:]).argmax())]
        for place in range(num, num + NUM_IDS - 1):
            attention = DecodeAttention(cache, [blocks], [place + 1])
            embedded = self.decoder.embed_text(torch.tensor(drawn[-1:]))
            hidden = self.decoder.forward(embedded, torch.tensor([place]), attention)
            drawn.append(int(self.decoder.logits(hidden).argmax()))
        return drawn


@pytest.fixture(scope="module")
def healthy(stt_checkpoint, stt_tokenizer):
    ear = Ear(stt_checkpoint.config, dtype=torch.float32)
    decoder = TextDecoder(stt_checkpoint.config, dtype=torch.float32)
    ear.load(stt_checkpoint)
    decoder.load(stt_checkpoint)
    return Listener(ear, decoder, stt_tokenizer)


@pytest.fixture(scope="module")
def prompts(stt_reference, healthy, clips):
    """What the reference reads for every clip."""
    before, after = layout.prefix_ids(healthy.tokenizer), layout.suffix_ids(healthy.tokenizer)
    return [stt_reference.embed(before, stt_reference.hear(samples), after) for samples in clips]


@dataclass
class Count:
    num_ids: int = 0
    num_clear: int = 0
    num_wrong: int = 0


def compare(listener, reference, clips, prompts):
    """Answer clip by clip; what the reference says of all ids so far."""
    count = Count()
    for samples, prompt in zip(clips, prompts, strict=True):
        drawn = listener.answer(samples)
        scores = reference.logits(reference.embed([], prompt, drawn[:-1]), num_last=len(drawn))
        best = scores.topk(2, dim=-1)
        is_clear = best.values[:, 0] - best.values[:, 1] > MARGIN
        is_wrong = best.indices[:, 0] != torch.tensor(drawn)
        count.num_ids += len(drawn)
        count.num_clear += int(is_clear.sum())
        count.num_wrong += int((is_clear & is_wrong).sum())
        yield count, drawn


def test_greedy_ids_are_the_references_on_24_clips(healthy, stt_reference, clips, prompts):
    *_, (count, _) = found = list(compare(healthy, stt_reference, clips, prompts))
    answers = [tuple(drawn) for _, drawn in found]
    assert count.num_ids == NUM_CLIPS * NUM_IDS
    assert count.num_clear >= 0.99 * count.num_ids
    assert count.num_wrong == 0
    assert len(set(answers)) >= NUM_CLIPS // 2  # what is heard decides what is answered
    assert len({token for answer in answers for token in answer}) >= 100


class NoConvolution(Ear):
    """Takes every second value as it is."""

    def _halve(self, x):
        return x[..., ::2]


class ThirtySeconds(Listener):
    """Fills every chunk with zeros to 30 s, and keeps the rows of what is sound."""

    def hear(self, samples):
        rows = []
        for chunk in samples.split(CHUNK_SAMPLES):
            mel = log_mel(F.pad(chunk, (0, 480_000 - len(chunk)))[None])
            rows.append(self.ear.hear(mel)[0, : self.ear.hear(log_mel(chunk[None])).shape[1]])
        return torch.cat(rows)


class WrongSigns(Listener):
    """Takes the signs around the sound for those of the speaking model's sound."""

    def ids(self, num_rows):
        wrong = {151669: 151671, 151670: 151673}
        return [wrong.get(token, token) for token in super().ids(num_rows)]


class PairAChunk(Listener):
    """Closes and opens the sound between its chunks, as older models do."""

    def ids(self, num_rows):
        ids = super().ids(num_rows)
        first = ids.index(151672)
        return ids if num_rows <= 50 else [*ids[: first + 50], 151670, 151669, *ids[first + 50 :]]


def with_ear(kind):
    def change(healthy):
        ear = kind(healthy.ear.config, dtype=torch.float32)
        ear.weights = healthy.ear.weights
        return Listener(ear, healthy.decoder, healthy.tokenizer)

    return change


def with_listener(kind):
    return lambda healthy: kind(healthy.ear, healthy.decoder, healthy.tokenizer)


def tied_head(healthy):
    decoder = TextDecoder.__new__(TextDecoder)
    decoder.__dict__.update(healthy.decoder.__dict__)
    decoder.text_head = decoder.text_embedding
    return Listener(healthy.ear, decoder, healthy.tokenizer)


MUTATIONS = {
    "tied head": tied_head,
    "no convolution in the projector": with_ear(NoConvolution),
    "chunks filled to 30 s": with_listener(ThirtySeconds),
    "wrong ids around the sound": with_listener(WrongSigns),
    "a pair of signs around every chunk": with_listener(PairAChunk),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_same_comparison_fails_a_model_that_is_wrong_in_one_thing(healthy, stt_reference, clips, prompts, mutation):
    wrong = MUTATIONS[mutation](healthy)
    # Long clips first: they are two chunks.
    found = compare(wrong, stt_reference, clips[::-1], prompts[::-1])
    assert any(count.num_wrong for count, _ in found)  # the first that fails is enough
