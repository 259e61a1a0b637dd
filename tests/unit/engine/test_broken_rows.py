"""Scores and samples that are no numbers: they fail the sequence they belong to, and no other."""

import pytest

from antiphon_server.engine.runner import BROKEN, Draw
from antiphon_server.engine.sequence import Ask, Finish
from antiphon_server.engine.step_loop import StepLoop
from support.scripted_runner import ScriptedRunner, speech_rows

PREFIX = (1, 2, 3, 4)
"""A block of the scripted runner."""


class Ear:
    def __init__(self):
        self.pcm, self.ends, self.failures = b"", [], []

    def take_audio(self, pcm):
        self.pcm += pcm

    def take_end(self, sequence):
        self.ends.append(sequence.finish)

    def take_failure(self, error):
        self.failures.append(error)


class DeafRunner(ScriptedRunner):
    """Its codec makes nothing of windows of one sequence: those whose frames are all code 900."""

    def decode_windows(self, parts):
        samples = super().decode_windows(parts)
        return [None if part.rows[0][0] == 900 else pcm for part, pcm in zip(parts, samples, strict=True)]


def submit(loop, seed):
    ear = Ear()
    loop.submit(Ask((*PREFIX, 5), len(PREFIX), Draw(seed=seed), 60), ear)
    return ear


def run(loop):
    while loop.step() or not loop.is_idle:
        assert loop.num_steps < 5000


@pytest.mark.parametrize("lag", [1, 2])
@pytest.mark.parametrize("broken_row", [0, 1, 12, 22])
def test_a_broken_row_fails_its_sequence_once_and_no_other(lag, broken_row):
    rows = speech_rows(20)
    script = {1: [*rows[:broken_row], BROKEN], 2: rows}
    loop = StepLoop(ScriptedRunner(max_lag=lag, script=script), lambda: 0.0)
    broken, whole = submit(loop, 1), submit(loop, 2)
    run(loop)
    assert [error.reason for error in broken.failures] == ["ENGINE_FAILED"]
    assert broken.ends == []
    assert (whole.failures, whole.ends) == ([], [Finish.STOP])
    assert len(whole.pcm) == 20 * 960 * 2
    assert loop.runner.is_idle
    assert loop.blocks.num_held == 0


def test_broken_samples_fail_their_sequence_and_no_other():
    loop = StepLoop(DeafRunner(script={1: [(900,) * 8] * 40, 2: speech_rows(20)}), lambda: 0.0)
    broken, whole = submit(loop, 1), submit(loop, 2)
    run(loop)
    assert [error.reason for error in broken.failures] == ["ENGINE_FAILED"]
    assert (broken.pcm, broken.ends) == (b"", [])
    assert (whole.failures, whole.ends) == ([], [Finish.STOP])
    assert loop.blocks.num_held == 0


def test_nobody_reuses_the_prefix_of_a_broken_sequence():
    loop = StepLoop(ScriptedRunner(script={1: [BROKEN], 2: speech_rows(9), 3: speech_rows(9)}), lambda: 0.0)
    first_positions = []
    for seed in (1, 2, 3):
        num_before = len(loop.runner.prefills)
        submit(loop, seed)
        run(loop)
        first_positions.append([part.first for part in loop.runner.prefills[num_before:]])
    assert first_positions == [[0, 4], [0, 4], [4]]
