"""How sound is cut, and how many positions it takes."""

import numpy as np
import pytest
import torch

from antiphon_server.model.stt.chunks import num_frames, num_positions, num_rows
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.make import STT_SIZES
from antiphon_server.model.stt.mel import log_mel
from antiphon_server.runtime.stt_ask import cut_pcm


@pytest.mark.parametrize(
    ("num_samples", "lengths"),
    [
        (0, []),
        (1, [2_560]),
        (2_560, [2_560]),
        (64_000, [64_000]),
        (64_001, [64_000, 2_560]),
        (84_800, [64_000, 20_800]),
        (192_000, [64_000] * 3),
    ],
)
def test_sound_is_cut_into_four_seconds_and_a_rest_of_160_ms_or_more(num_samples, lengths):
    pcm = np.arange(1, num_samples + 1).astype("<i2").tobytes()
    chunks = [chunk.pcm for chunk in cut_pcm(pcm)]
    assert [len(chunk) // 2 for chunk in chunks] == lengths
    joined = b"".join(chunks)
    assert joined[: len(pcm)] == pcm
    assert not any(joined[len(pcm) :])


def test_published_lengths():
    assert (num_frames(64_000), num_positions(400), num_rows(64_000)) == (400, 200, 50)
    assert (num_frames(44_715), num_positions(279), num_rows(44_715)) == (279, 140, 35)


def test_rows_are_as_many_as_the_model_makes():
    torch.set_num_threads(1)
    ear = Ear(STT_SIZES["tiny"], dtype=torch.float32)
    for weight in ear.weights.values():
        weight.zero_()
    for num_samples in [*range(2_560, 4_000, 160), 6_001, 63_999, 64_000]:
        assert ear.hear(log_mel(torch.zeros(1, num_samples))).shape[1] == num_rows(num_samples) >= 1
