"""Higgs Audio v3 STT, part by part, against transformers' Whisper and Qwen3 with the same weights."""

import pytest
import torch

from antiphon_server.model.stt.chunks import CHUNK_SAMPLES
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.mel import log_mel
from antiphon_server.runtime.paged_kv import PagedKV, PrefillAttention
from support.clips import clip
from support.stt_reference import SttReference, published_mel

LENGTHS = (64_000, 44_715, 2_560, 2_719, 16_000, 48_160)


def own_mel(samples):
    return log_mel(samples[None])


def load(kind, checkpoint, dtype):
    part = kind(checkpoint.config, dtype=dtype)
    part.load(checkpoint)
    return part


@pytest.mark.parametrize("num_samples", LENGTHS)
def test_the_mel_spectrum_is_the_public_one(num_samples):
    samples = clip(num_samples, num_samples)
    ours = own_mel(samples)
    assert ours.shape == (1, 128, num_samples // 160)
    assert (ours - published_mel(samples)).abs().max() <= 1e-5


def test_the_spectrum_of_silence_is_the_public_one():
    assert torch.equal(own_mel(torch.zeros(16_000)), published_mel(torch.zeros(16_000)))


def test_the_loudest_value_is_a_chunks_own():
    quiet, loud = clip(1, 64_000) * 1e-4, clip(2, 64_000)
    both = log_mel(torch.stack([quiet, loud]))
    assert torch.equal(both[:1], own_mel(quiet))
    assert torch.equal(both[1:], own_mel(loud))


def test_encoder_and_projector_are_the_references_in_fp32(stt_checkpoint, stt_reference):
    ear = load(Ear, stt_checkpoint, torch.float32)
    for num_samples in LENGTHS:
        mel = published_mel(clip(num_samples, num_samples))
        encoded = stt_reference.encode(mel)
        assert (ear.encode(mel) - encoded).abs().max() <= 1e-5
        assert (ear.project(encoded)[0] - stt_reference.project(encoded)).abs().max() <= 1e-5


def test_chunks_of_one_length_are_heard_together_as_each_alone(stt_checkpoint):
    ear = load(Ear, stt_checkpoint, torch.float32)
    mels = log_mel(torch.stack([clip(seed, 64_000) for seed in range(4)]))
    together = ear.hear(mels)
    alone = torch.cat([ear.hear(mel[None]) for mel in mels])
    assert together.shape == (4, 50, stt_checkpoint.config.text.hidden_size)
    assert (together - alone).abs().max() <= 1e-5


def test_a_chunk_hears_nothing_of_its_neighbours(stt_checkpoint, stt_reference):
    ear = load(Ear, stt_checkpoint, torch.float32)
    samples = clip(3, 200_000)
    heard = torch.cat([ear.hear(own_mel(chunk))[0] for chunk in samples.split(CHUNK_SAMPLES)])
    assert (heard - stt_reference.hear(samples)).abs().max() <= 1e-5


def decode(decoder, embedded):
    """Score behind every position, all in one call."""
    num = len(embedded)
    cache = PagedKV(decoder.config, num_blocks=16, block_size=16, dtype=decoder.dtype, device="cpu")
    attention = PrefillAttention(cache, list(range(15, -1, -1)), num_cached=0, num_new=num)
    return decoder.logits(decoder.forward(embedded, torch.arange(num), attention))


@pytest.fixture(scope="module")
def embedded(stt_checkpoint, stt_reference):
    """Text, sound and text again."""
    heard = stt_reference.hear(clip(5, 100_000))
    return stt_reference.embed([7, 8, 9], heard, [10, 11])


def test_the_decoders_scores_are_the_references_in_fp32(stt_checkpoint, stt_reference, embedded):
    ours = decode(load(TextDecoder, stt_checkpoint, torch.float32), embedded)
    assert (ours - stt_reference.logits(embedded)).abs().max() <= 1e-5


def test_the_speaking_models_rounded_rotation_is_not_this_models(stt_checkpoint, stt_reference, embedded):
    decoder = load(TextDecoder, stt_checkpoint, torch.float32)
    decoder.cos, decoder.sin = (table.bfloat16().float() for table in (decoder.cos, decoder.sin))
    assert (decode(decoder, embedded) - stt_reference.logits(embedded)).abs().max() > 1e-4


def test_bf16_is_as_near_to_the_exact_result_as_the_reference_is(stt_checkpoint):
    rough, exact = (SttReference(stt_checkpoint.folder, dtype=dtype) for dtype in (torch.bfloat16, torch.float64))
    ear, decoder = (load(kind, stt_checkpoint, torch.bfloat16) for kind in (Ear, TextDecoder))
    errors = torch.zeros(2, 2, dtype=torch.float64)  # of ear and decoder, ours and theirs
    for seed in range(3):
        samples = clip(seed, 20_000)
        heard = exact.hear(samples)
        given = rough.embed([7, 8, 9], heard.bfloat16(), [10, 11])
        scores = exact.logits(given.double())
        errors[0] += mean_square(ear.hear(own_mel(samples))[0] - heard, rough.hear(samples) - heard)
        errors[1] += mean_square(decode(decoder, given) - scores, rough.logits(given) - scores)
    assert (errors[:, 0] <= 1.5**2 * errors[:, 1]).all()


def mean_square(*differences):
    return torch.tensor([difference.double().square().mean() for difference in differences])
