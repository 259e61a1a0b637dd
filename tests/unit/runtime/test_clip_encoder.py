"""Clips to codes: refused with numbers, resampled as the codec was trained, encoded once and beside everything else."""

import asyncio
import os
import sys
import threading

import numpy as np
import pytest
import torch

from antiphon_server.codec.sinc import resample
from antiphon_server.engine.reference import ReferenceClip
from antiphon_server.errors import AudioTooLong, BadAudio, EngineFailed, InvalidField
from antiphon_server.runtime.clip_encoder import ClipEncoder, check_clip


def clip(num_samples, rate_hz=24_000, *, peak=8000, seed=0):
    samples = np.random.default_rng(seed).integers(-peak, peak + 1, num_samples)
    return ReferenceClip(samples.astype("<i2").tobytes(), rate_hz)


def some_codes(samples):
    return torch.arange(len(samples) // 960 * 8).reshape(-1, 8) % 1024


@pytest.mark.parametrize(
    ("refused", "kind", "what"),
    [
        (clip(23_999), InvalidField, "1 to 100 s long, not 0.999958 s"),
        (clip(8_000, 16_000), InvalidField, "1 to 100 s long, not 0.5 s"),
        (ReferenceClip(b"", 24_000), InvalidField, "not 0 s"),
        (ReferenceClip(bytes(2 * 808_000), 8_000), AudioTooLong, "1 to 100 s long, not 101 s"),
        (ReferenceClip(bytes(48_001), 24_000), InvalidField, "not 48001 bytes"),
        (clip(50_000, 0), InvalidField, "rate of 0 Hz"),
        (clip(50_000, 44_101), InvalidField, "rate of 44101 Hz"),
        (
            ReferenceClip(bytes(48_000), 24_000),
            BadAudio,
            "loudest sample of its first channel, which alone is heard, is 0 of 32768, and must be over 3",
        ),
        (clip(24_000, peak=3), BadAudio, "heard, is 3 of 32768"),
    ],
)
async def test_clips_that_cannot_be_cloned_are_refused_with_the_numbers(refused, kind, what):
    with pytest.raises(kind, match=what) as refusal:
        await ClipEncoder(some_codes).codes(refused)
    assert refusal.value.field == "audio"


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000, 176_400, 192_000])
def test_every_usual_rate_is_taken_from_one_second_to_a_hundred(rate_hz):
    check_clip(ReferenceClip(bytes(2 * rate_hz), rate_hz))
    check_clip(ReferenceClip(bytes(200 * rate_hz), rate_hz))


async def test_a_very_quiet_clip_is_encoded():
    assert len(await ClipEncoder(some_codes).codes(clip(24_000, peak=4))) == 25 * 16


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100])
async def test_codes_are_the_codecs_own_of_the_resampled_clip(loaded, rate_hz):
    heard = clip(rate_hz * 3 // 2, rate_hz, seed=rate_hz)
    samples = torch.tensor(np.frombuffer(heard.pcm, "<i2") / 32768, dtype=torch.float32)
    expected = loaded.codec.encode(resample(samples[None], rate_hz, 24_000)[0])
    codes = np.frombuffer(await ClipEncoder(loaded.codec.encode).codes(heard), "<u2").reshape(-1, 8)
    assert np.array_equal(codes, expected.numpy())
    assert len(np.unique(codes)) > 50


async def test_equal_clips_are_encoded_once_and_the_same_samples_at_another_rate_are_another_clip():
    heard = []

    def encode(samples):
        heard.append(len(samples))
        return some_codes(samples)

    encoder, one = ClipEncoder(encode), clip(48_000)
    both = await asyncio.gather(encoder.codes(one), encoder.codes(ReferenceClip(bytes(one.pcm), one.rate_hz)))
    assert both[0] == both[1] == await encoder.codes(one)
    await encoder.codes(ReferenceClip(one.pcm, 48_000))
    assert heard == [48_000, 24_000]


async def test_coroutines_go_on_while_a_clip_is_encoded():
    begun, may_end = threading.Event(), threading.Event()

    def encode(samples):
        begun.set()
        assert may_end.wait(60)
        return some_codes(samples)

    encoding = asyncio.create_task(ClipEncoder(encode).codes(clip(24_000)))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    assert not encoding.done()
    may_end.set()
    assert len(await encoding) == 25 * 16


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")
async def test_the_encoder_gives_way_and_nobody_else_does():
    niceness = []

    def encode(samples):
        niceness.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return some_codes(samples)

    await ClipEncoder(encode).codes(clip(24_000))
    usual = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert niceness == [min(19, usual + 10)]


async def test_a_codec_that_fails_is_named_and_asked_again():
    answers = iter([RuntimeError("secret"), None])

    def encode(samples):
        if (answer := next(answers)) is not None:
            raise answer
        return some_codes(samples)

    encoder, heard = ClipEncoder(encode), clip(24_000)
    with pytest.raises(EngineFailed, match=r"encode the clip \(RuntimeError\)"):
        await encoder.codes(heard)
    assert await encoder.codes(heard)
