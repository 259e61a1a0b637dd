"""Short audio is heard from a shorter window, and from the whole one where that is doubtful."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from antiphon_server.embedded.priority_worker import Interruption
from antiphon_server.embedded.whisper_company import Company
from antiphon_server.embedded.whisper_model import JobsModel
from antiphon_server.embedded.whisper_window import WINDOW_FRAMES, fitted_frames


@dataclass(frozen=True)
class Options:
    """Of the library, as far as it is read here."""

    temperatures: tuple[float, ...] = (0.0, 0.4)


class Scripted:
    """Says of each window what was agreed for its length; notes what it is asked."""

    def __init__(self, found):
        self.found, self.encoded, self.decoded = found, [], []
        self.model = SimpleNamespace(generate=None)

    def encode(self, features):
        self.encoded.append(features.shape[-1])
        return features

    def generate_with_fallback(self, encoded, _prompt, _tokenizer, options):
        length = encoded.shape[-1]
        self.decoded.append((length, options.temperatures))
        ids, no_speech, log_prob, ratio = self.found[length]
        return SimpleNamespace(sequences_ids=[ids], no_speech_prob=no_speech), log_prob, 0.0, ratio

    def get_prompt(self):
        raise AssertionError


GOOD = ([1, 2], 0.1, -0.2, 1.2)


def heard(model, num_frames):
    """Hear one window as a job does; returns the ids, and what is noted of windows."""
    job = JobsModel(model, Company(None, None), Interruption(), [], num_frames)
    encoded = job.library.encode(np.ones((80, WINDOW_FRAMES), np.float32))
    found = job.library.generate_with_fallback(encoded, [], None, Options())
    return found[0].sequences_ids[0], job.windows


@pytest.mark.parametrize(
    ("num_frames", "window"),
    [(4, 1_500), (1_000, 1_500), (1_001, 2_000), (1_500, 2_000), (1_501, 3_000), (3_000, 3_000), (9_000, 3_000)],
)
def test_a_window_is_as_short_as_leaves_silence_behind_the_audio(num_frames, window):
    assert fitted_frames(num_frames) == window


def test_words_nobody_doubts_cost_one_short_window():
    model = Scripted({1_500: GOOD})
    assert heard(model, 1_500)[0] == [1, 2]
    assert (model.encoded, model.decoded) == ([1_500], [(1_500, (0.0,))])


@pytest.mark.parametrize(
    "doubtful",
    [([], 0.1, -0.2, 1.2), ([7] * 9, 0.1, -0.2, 2.5), ([7], 0.1, -1.1, 1.2)],
    ids=["no words", "the same words over and over", "unsure"],
)
def test_doubtful_words_are_written_again_from_the_whole_window(doubtful):
    model = Scripted({1_500: doubtful, WINDOW_FRAMES: GOOD})
    ids, windows = heard(model, 1_500)
    assert ids == [1, 2]
    assert model.encoded == [1_500, WINDOW_FRAMES]
    assert model.decoded == [(1_500, (0.0,)), (WINDOW_FRAMES, (0.0, 0.4))]
    assert [window.average_log_prob for window in windows] == [-0.2]


def test_silence_is_not_looked_at_twice():
    model = Scripted({1_500: ([7], 0.9, -1.1, 1.2)})
    assert heard(model, 1_500)[0] == [7]
    assert model.encoded == [1_500]


def test_a_whole_window_is_heard_as_the_library_does():
    model = Scripted({WINDOW_FRAMES: ([], 0.1, -5.0, 9.0)})
    assert heard(model, WINDOW_FRAMES)[0] == []
    assert (model.encoded, model.decoded) == ([WINDOW_FRAMES], [(WINDOW_FRAMES, (0.0, 0.4))])
