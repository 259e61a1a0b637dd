"""Whole generations through the step loop and the runner: what a request hears does not depend on anyone else."""

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from antiphon_server.codec.delay import undelay
from antiphon_server.engine.codec_plan import windows
from antiphon_server.engine.runner import DecodePart, Draw, PrefillPart, WindowPart
from antiphon_server.runtime.eager_runner import MOST_SEQUENCES
from antiphon_server.runtime.higgs_runner import HiggsRunner
from support.speak_alone import Parts, speak

NUM_ROWS = 24
PROBE = "Only this one counts."
SEED = 3
CROWD = [f"Number {index}." for index in range(MOST_SEQUENCES - 1)]
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def parts(checkpoint):
    return Parts(checkpoint.folder)


def draw_of(sentence, index=0):
    return Draw(seed=SEED if sentence == PROBE else index + 100, top_k=50, top_p=0.95)


def generate(parts, sentences, *, loop=None, draw=None):
    said = [(sentence, draw or draw_of(sentence, index)) for index, sentence in enumerate(sentences)]
    return speak(parts, loop or parts.loop(), said, NUM_ROWS)


@pytest.fixture(scope="module")
def alone(parts):
    return generate(parts, [PROBE])[0]


def draw_beside(parts, said, num_rows=NUM_ROWS):
    """Rows of sequences of which every step draws one for each."""
    prompts = [parts.prompt(sentence) for sentence, _ in said]
    tables = [range(8 * slot, 8 * slot + 8) for slot in range(len(said))]
    runner, rows = HiggsRunner(parts.backbone, None, num_blocks=8 * len(said)), []
    for slot, (prompt, (_, draw)) in enumerate(zip(prompts, said, strict=True)):
        runner.begin(slot, draw)
        runner.prefill(PrefillPart(slot, prompt.positions, 0, tables[slot], is_last=True))
        rows.append(list(runner.collect()))
    for at in range(1, num_rows):
        lengths = [len(prompt.positions) + at for prompt in prompts]
        runner.launch([DecodePart(slot, length, tables[slot]) for slot, length in enumerate(lengths)])
        for drawn, row in zip(rows, runner.collect(), strict=True):
            drawn.append(row)
    return rows


def test_a_seeded_request_is_the_same_among_63_others(parts, alone):
    said = [(sentence, draw_of(sentence, index)) for index, sentence in enumerate(CROWD)]
    among = draw_beside(parts, [*said[:40], (PROBE, draw_of(PROBE)), *said[40:]])
    assert among[40] == alone.end.rows
    assert len(set(alone.end.rows)) > NUM_ROWS // 2
    assert len(set(map(tuple, among))) == MOST_SEQUENCES


def test_its_scores_have_the_same_bits_among_63_others(parts, monkeypatch):
    """Codes forgive most of what other requests could do to scores; this forgives nothing."""
    scores, logits = [], parts.backbone.logits

    def noted(hidden):
        scores.append(logits(hidden))
        return scores[-1]

    monkeypatch.setattr(parts.backbone, "logits", noted)
    said = [(sentence, draw_of(sentence, index)) for index, sentence in enumerate(CROWD)]
    draw_beside(parts, [(PROBE, draw_of(PROBE))], num_rows=9)
    lonely = [each[0] for each in scores[-8:]]
    draw_beside(parts, [*said[:40], (PROBE, draw_of(PROBE)), *said[40:]], num_rows=9)
    among = [each[40] for each in scores[-8:]]
    assert all(map(torch.equal, lonely, among))


def test_it_sounds_the_same_beside_others_that_come_and_go(parts, alone):
    among = generate(parts, [*CROWD[:7], PROBE, *CROWD[7:12]])[7]
    assert among.end.rows == alone.end.rows
    assert among.pcm == alone.pcm


async def test_a_seeded_request_is_the_same_after_a_restart(checkpoint, alone):
    """In a process that has nothing in common with this one but the files."""
    arguments = [str(checkpoint.folder), PROBE, str(SEED), str(NUM_ROWS)]
    command = [sys.executable, "-m", "support.speak_alone", *arguments]
    process = await asyncio.create_subprocess_exec(*command, cwd=TESTS, stdout=asyncio.subprocess.PIPE)
    said = json.loads((await process.communicate())[0])
    assert list(map(tuple, said["rows"])) == alone.end.rows
    assert said["pcm"] == alone.pcm.hex()


class Prefills:
    """Notes from which position on prompts were computed."""

    def __init__(self, runner):
        self.first, self._prefill = [], runner.prefill
        runner.prefill = self

    def __call__(self, part):
        self.first.append(part.first)
        return self._prefill(part)


def test_a_cached_voice_gives_what_an_uncached_one_gave(parts, alone):
    loop = parts.loop()
    prefills = Prefills(loop.runner)
    generate(parts, ["Something else first."], loop=loop)
    assert prefills.first == [0, 48]  # three whole blocks of voice, then the rest
    cached = generate(parts, [PROBE], loop=loop)[0]
    assert prefills.first == [0, 48, 48]
    assert cached.end.rows == alone.end.rows
    assert cached.pcm == alone.pcm


def test_streamed_sound_is_the_whole_plans_sound_byte_for_byte(parts, alone):
    runner, rows = HiggsRunner(parts.backbone, parts.codec, num_blocks=8), alone.end.rows
    pieces = [
        WindowPart(rows[window.first : window.last + 7], window.begin - window.first, window.last - window.end)
        for window in windows(alone.end.num_frames)
    ]
    assert b"".join(runner.decode_windows(pieces)) == alone.pcm


def test_windows_differ_from_one_decode_by_less_than_a_step_of_the_scale(parts, alone):
    codes = torch.from_numpy(undelay(np.array(alone.end.rows)))
    whole = parts.codec.decode(codes[None])[0].clamp(-1, 1).numpy() * 32767
    heard = np.frombuffer(alone.pcm, dtype="<i2")
    assert len(heard) == len(whole) == (NUM_ROWS - 7) * 960
    assert np.abs(heard - whole).max() <= 0.51
    assert heard.std() > 100


def test_another_seed_says_something_else(parts, alone):
    other = generate(parts, [PROBE], draw=Draw(seed=4, top_k=50, top_p=0.95))[0]
    assert other.end.rows != alone.end.rows


def test_greedy_needs_no_seed(parts):
    first, second = (generate(parts, [PROBE], draw=Draw(seed=seed, temperature=0.0))[0] for seed in (1, 2))
    assert first.end.rows == second.end.rows
