"""The codec against transformers' HiggsAudioV2TokenizerModel with the same weights, and against itself in windows."""

import math
import random

import numpy as np
import pytest
import torch

from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.codec.semantic import position_weight
from antiphon_server.codec.sinc import resample
from antiphon_server.codec.sizes import SAMPLES_PER_FRAME, CodecSizes
from antiphon_server.engine.codec_plan import windows
from support.references import higgs_tokenizer


@pytest.fixture(scope="module")
def weights(checkpoint):
    return checkpoint.read_codec()


@pytest.fixture(scope="module")
def codec(weights):
    return HiggsCodec(weights)


@pytest.fixture(scope="module")
def public_codec(checkpoint, weights):
    return higgs_tokenizer(checkpoint.codec, weights)


def some_codes(num_frames, seed=0):
    return torch.randint(0, 1024, (1, num_frames, 8), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("num_frames", [1, 2, 7, 45, 100])
def test_decoding_gives_the_references_samples(codec, public_codec, num_frames):
    codes = some_codes(num_frames)
    with torch.inference_mode():
        expected = public_codec.decode(codes.transpose(1, 2)).audio_values[:, 0]
    decoded = codec.decode(codes)
    assert decoded.shape == (1, num_frames * SAMPLES_PER_FRAME)
    assert (decoded - expected).abs().max() <= 1e-6 * expected.std()


@pytest.mark.parametrize("num_samples", [24_000, 30_001, 48_000, 50_333, 71_999])
def test_encoding_gives_the_references_codes(codec, public_codec, num_samples):
    samples = torch.randn(num_samples, generator=torch.Generator().manual_seed(num_samples)) * 0.1
    with torch.inference_mode():
        expected = public_codec.encode(samples[None, None]).audio_codes[0].T
    codes = codec.encode(samples)
    assert torch.equal(codes, expected)
    assert len(codes.unique()) > 50


def test_a_clip_of_less_than_a_second_is_filled_with_silence(codec):
    samples = torch.randn(5000, generator=torch.Generator().manual_seed(1)) * 0.1
    filled = torch.cat((samples, torch.zeros(19_000)))
    assert torch.equal(codec.encode(samples), codec.encode(filled))


def test_windows_give_the_whole_speechs_samples_at_200_lengths(codec):
    """Random speeches of 200 random lengths; those with the same beginning share the windows that lie in it."""
    lengths, worst = random.Random(5), 0.0
    for seed in range(10):
        codes, pieces = some_codes(70, seed=seed), {}
        for num_frames in lengths.choices(range(1, 71), k=20):
            whole, plan = codec.decode(codes[:, :num_frames])[0], list(windows(num_frames))
            for window in set(plan) - pieces.keys():
                pieces[window] = piece(codec, codes, window)
            heard = torch.cat([pieces[window] for window in plan])
            worst = max(worst, float((heard - whole).abs().max() / whole.square().mean().sqrt()))
    assert worst <= 1e-5


def piece(codec, codes, window):
    decoded = codec.decode(codes[:, window.first : window.last])[0]
    begin, end = window.begin - window.first, window.end - window.first
    return decoded[begin * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME]


def test_less_context_than_the_plan_gives_would_be_heard(codec):
    codes = some_codes(100)
    whole = codec.decode(codes)[0, 40 * 960 : 50 * 960]
    for context, most, least in ((10, 1e-5, 0.0), (8, 1.0, 1e-3), (4, 9.0, 1e-2)):
        part = codec.decode(codes[:, 40 - context : 50 + context])[0, context * 960 : (context + 10) * 960]
        error = float((part - whole).abs().max() / whole.square().mean().sqrt())
        assert least <= error <= most


def test_the_positional_convolution_is_normed_per_tap(weights, checkpoint):
    folded = position_weight(weights)
    sizes = checkpoint.codec
    shape = (sizes.semantic_width, sizes.semantic_width // sizes.position_groups, sizes.position_kernel)
    assert folded.shape == shape
    norms = folded.norm(dim=(0, 1))
    expected = weights["semantic_model.encoder.pos_conv_embed.conv.parametrizations.weight.original0"][0, 0]
    assert torch.allclose(norms, expected.abs(), rtol=1e-5)


@pytest.mark.parametrize(("rate_in", "rate_out"), [(24_000, 16_000), (16_000, 24_000), (44_100, 24_000)])
def test_resampling_is_the_windowed_sinc_of_the_published_encoder(rate_in, rate_out):
    """Zero crossings 6, rolloff 0.99, a Hann window: the sum over all samples, as the formula has it, in float64."""
    samples = np.random.default_rng(3).normal(size=700)
    num_out = math.ceil(len(samples) * rate_out / rate_in)
    limit_hz = min(rate_in, rate_out) * 0.99
    distance = np.arange(len(samples)) / rate_in - np.arange(num_out)[:, None] / rate_out
    crossings = np.clip(distance * limit_hz, -6, 6)
    weights = np.sinc(crossings) * np.cos(np.pi * crossings / 12) ** 2 * limit_hz / rate_in
    expected = weights @ samples
    heard = resample(torch.from_numpy(samples)[None].float(), rate_in, rate_out)[0].numpy()
    assert len(heard) == num_out
    assert np.abs(heard - expected).max() <= 2e-6 * np.abs(expected).max()


def test_resampling_keeps_tones_below_the_limit_and_drops_those_above():
    times = torch.arange(24_000, dtype=torch.float64) / 24_000
    kept = resample(torch.sin(2 * torch.pi * 1000 * times)[None].float(), 24_000, 16_000)[0]
    assert len(kept) == 16_000
    expected = torch.sin(2 * torch.pi * 1000 * torch.arange(16_000, dtype=torch.float64) / 16_000).float()
    assert (kept[100:-100] - expected[100:-100]).abs().max() < 0.01
    gone = resample(torch.sin(2 * torch.pi * 11_000 * times)[None].float(), 24_000, 16_000)[0]
    assert gone[100:-100].abs().max() < 0.02


def test_the_published_codec_has_its_published_number_of_values():
    shapes = CodecSizes().shapes()
    assert len(shapes) == 528
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 201_401_321
