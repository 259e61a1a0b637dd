"""No click where pieces of speech meet or where speech is cut, measured by how sharply the sound bends there."""

import grpc
import numpy as np
import pytest
import soxr

from antiphon.speech.v1 import audio_pb2
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from support.calls import Stubs, calls_to

pytestmark = pytest.mark.models
TEXTS = (
    "The quick brown fox jumps over the lazy dog. It was a bright cold day in April, and the clocks struck thirteen!",
    "Stop. Go! Wait; what? Six. Zoom zoom. Mmm. Aaah!",
    "First part. <|prosody:pause|>Second part, <|prosody:pitch_high|>higher now. <|prosody:speed_fast|>This is fast.",
)
NATIVE_HZ = 24_000
EDGE_MS = 5
INAUDIBLE = 16
SEED = {"sampling": {"seed": 5}}


async def chunks(stubs: Stubs, text: str, rate_hz: int, speed: float) -> list[audio_pb2.AudioChunk]:
    answer = await stubs.speak([text], format={"sample_rate_hz": rate_hz}, speed=speed, **SEED)
    return [response.audio for response in answer if response.HasField("audio")]


def samples(found: list[audio_pb2.AudioChunk]) -> np.ndarray:
    return np.frombuffer(b"".join(chunk.data for chunk in found), "<i2").astype(float)


def bends(sound: np.ndarray, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Second differences at borders and elsewhere. Border n lies before sample n."""
    bend = np.abs(np.diff(sound, 2))
    near = np.unique(np.clip(np.concatenate([borders - 2, borders - 1, borders]), 0, len(bend) - 1))
    return bend[near], np.delete(bend, near)


def sharpness(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    """How much more the sound bends at each sample than on average within 5 ms of it; what nobody hears counts less."""
    bend, reach = np.abs(np.diff(sound, 2)), rate_hz * EDGE_MS // 1000
    around = np.convolve(bend, np.full(2 * reach + 1, 1 / (2 * reach + 1)), "same")
    return np.max([bend[2:], bend[1:-1], bend[:-2]], axis=0) / (around[2:] + INAUDIBLE)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.5])
async def test_speech_does_not_bend_more_where_chunks_meet_than_elsewhere(server, text, speed):
    at_borders, elsewhere = [], []
    async with calls_to(server) as stubs:
        for rate_hz in (8_000, 16_000, NATIVE_HZ, 48_000):
            found = await chunks(stubs, text, rate_hz, speed)
            sound, borders = samples(found), np.array([chunk.first_sample for chunk in found[1:]])
            near, far = bends(sound, borders)
            assert near.max() <= far.max(), "no bend beyond the signal's own range"
            ratios = sharpness(sound, rate_hz)
            at_borders.append(ratios[np.clip(borders - 2, 0, len(ratios) - 1)])
            elsewhere.append(ratios)
    # Sound resampled piece by piece is at 1.7 and more here, a sample lost in each piece at 1.6, honest sound near 1.
    assert np.concatenate(at_borders).mean() <= 1.4 * np.concatenate(elsewhere).mean()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.5])
async def test_segments_meet_in_near_silence(server, text, speed):
    async with calls_to(server) as stubs:
        found = await chunks(stubs, text, NATIVE_HZ, speed)
    sound = samples(found)
    # What is kept back for a fade is let go of at the end of a segment, as a chunk of its own.
    ends = [
        chunk.first_sample + chunk.num_samples for chunk in found if chunk.num_samples == NATIVE_HZ * EDGE_MS // 1000
    ]
    assert len(ends) >= 2
    at_ends, elsewhere = bends(np.concatenate([sound, np.zeros(3)]), np.array(ends))
    assert at_ends.max() <= np.percentile(elsewhere, 99)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
async def test_chunks_at_another_rate_are_those_of_the_whole(server, rate_hz):
    async with calls_to(server) as stubs:
        native = samples(await chunks(stubs, TEXTS[2], NATIVE_HZ, 1.7))
        found = samples(await chunks(stubs, TEXTS[2], rate_hz, 1.7))
    whole = soxr.resample(native, NATIVE_HZ, rate_hz)
    assert len(found) == len(whole)
    assert np.abs(found - np.clip(whole, -32_768, 32_767)).max() <= 1


@pytest.mark.parametrize("rate_hz", [8_000, NATIVE_HZ, 48_000])
async def test_speech_that_is_cancelled_fades_within_5_ms(server, rate_hz):
    text = f"{TEXTS[0]} " * 30
    async with calls_to(server) as stubs:
        call = stubs.synthesis.Synthesize(timeout=60)
        await call.write(speech_pb.SynthesizeRequest(config={"format": {"sample_rate_hz": rate_hz}, **SEED}))
        await call.write(speech_pb.SynthesizeRequest(text={"text": text}))
        found: list[audio_pb2.AudioChunk] = []
        while (response := await call.read()).WhichOneof("response") != "cancelled":
            assert response is not grpc.aio.EOF
            if response.HasField("audio"):
                found.append(response.audio)
                if len(found) == 8:
                    await call.write(speech_pb.SynthesizeRequest(cancel={}))
        await call.done_writing()
        receipt = response.cancelled
        assert (await call.read()) is grpc.aio.EOF
    sound, fade = samples(found), rate_hz * EDGE_MS // 1000
    assert receipt.samples_sent == len(sound)
    assert (found[-1].num_samples, sound[-1]) == (fade, 0)
    at_end, elsewhere = bends(np.concatenate([sound, np.zeros(3)]), np.array([len(sound) - fade, len(sound)]))
    assert at_end.max() <= elsewhere.max()
