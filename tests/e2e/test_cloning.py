"""Voices cloned by a tiny Higgs Audio v3 model behind a real server: the same clip, however it is sent."""

import os
import subprocess
import wave
from pathlib import Path

import grpc
import numpy as np
import pytest
import torch

from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.model.checkpoint import open_checkpoint
from antiphon_server.model.make import SIZES, make_checkpoint
from support.calls import audio_of, calls_to
from support.fronts import Refused
from support.refusals import wav

ROOT = Path(__file__).parents[2]
SAMPLING = {"seed": 7, "max_new_tokens": 40}
SAMPLES = np.random.default_rng(1).integers(-6_000, 6_000, 24_000 * 6 // 5).astype("<i2")
PCM = {"encoding": 1, "sample_rate_hz": 24_000}
TEXT = "Only this is said."


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The clip as the codec of the server's checkpoint encodes it."""
    folder = tmp_path_factory.mktemp("codec") / "tiny"
    make_checkpoint(folder, SIZES["tiny"], seed=3)
    codec = HiggsCodec(open_checkpoint(folder).read_codec())
    with torch.inference_mode():
        found = codec.encode(torch.from_numpy(SAMPLES.astype(np.float32)) / 32768)
    assert found.shape == (30, 8)
    return {"codes": found.flatten().tolist(), "num_codebooks": 8}


async def refusal(server, **config) -> Refused:
    async with calls_to(server) as stubs:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs.speak_once(TEXT, **config)
    return Refused.of(caught.value)


async def test_a_clip_and_its_codes_give_the_same_samples_and_another_transcript_others(higgs, codes):
    clip = SAMPLES.tobytes()
    stereo = np.stack([SAMPLES, -SAMPLES // 2], axis=1)
    async with calls_to(higgs) as stubs:
        answers = [
            await stubs.speak_once(TEXT, sampling=SAMPLING, references=[reference])
            for reference in (
                {"audio": clip, "format": PCM, "transcript": "what is heard"},
                {"codes": codes, "transcript": "what is heard"},
                {"audio": _stereo(stereo), "transcript": "what is heard"},
                {"codes": codes},
            )
        ]
        plain = await stubs.speak_once(TEXT, sampling=SAMPLING)
    tokens = [answer[-1].utterance_done.replay_token for answer in answers]
    first, *same, other = (audio_of(answer) for answer in answers)
    assert len(first) > 0
    assert same == [first, first]
    assert len({first, other, audio_of(plain)}) == 3
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3]
    extra = 1 + len("what is heard") + 1
    cloned, zero_shot = (answer[-1].utterance_done.usage for answer in (answers[0], plain))
    assert cloned.input_tokens == zero_shot.input_tokens + extra
    assert (cloned.input_audio_ms, zero_shot.input_audio_ms) == (1200, 0)


async def test_a_silent_clip_is_refused_by_its_path(higgs):
    found = await refusal(higgs, references=[{"audio": wav(bytes(64_000))}])
    assert (found.reason, found.fields) == ("BAD_AUDIO", ["config.references[0].audio"])
    assert "silent" in found.message
    assert found.message.startswith("config.references[0].audio ")


async def test_more_than_the_model_can_hold_is_refused_with_the_numbers(higgs):
    long = {"codes": [0] * 8 * 2_500, "num_codebooks": 8}
    turns = [{"text": "a", "audio": {"codes": long}}] * 3
    found = await refusal(higgs, references=[{"codes": long}], previous_turns=turns, sampling={"max_new_tokens": 99})
    assert found.reason == "CONTEXT_OVERFLOW"
    assert all(number in found.message for number in ("8192", "99", "100"))


def test_the_example_of_the_manual_works_as_it_is_written(higgs, tmp_path):
    done = subprocess.run(
        [ROOT / "scripts/lib/fetch_grpcurl"], capture_output=True, text=True, timeout=100, check=False
    )
    if done.returncode:
        pytest.skip(f"no grpcurl: {done.stderr.strip()[-200:]}")
    example = (ROOT / "docs/cloning.md").read_text().split("```sh\n")[1].split("```")[0]
    (tmp_path / "me.wav").write_bytes(wav(SAMPLES.tobytes()))
    command = example.replace("localhost:50051", higgs.grpc_target)
    path = f"{ROOT / '.cache/tools'}:{os.environ['PATH']}"
    subprocess.run(["sh", "-euc", command], cwd=tmp_path, env={**os.environ, "PATH": path}, timeout=120, check=True)
    with wave.open(str(tmp_path / "out.wav")) as spoken:
        assert spoken.getframerate() == 24_000
        assert len(spoken.readframes(10**7)) > 24_000


def _stereo(samples: np.ndarray) -> bytes:
    file = bytearray(wav(samples.tobytes()))
    file[22:24], file[24:28] = (2).to_bytes(2, "little"), (24_000).to_bytes(4, "little")
    file[32:34] = (4).to_bytes(2, "little")
    return bytes(file)
