"""The arithmetic of the listening benches: the paired bootstrap, and what settled words promised."""

import json
from pathlib import Path

import numpy as np
import pytest
from bench._bootstrap import COLUMNS, ONE_CALL, STREAMED, counts_by_language, paired_difference
from bench._settled import Partial, TimedWord, Utterance, num_broken, settled_after_ms, voice_end_ms

from support.recordings import is_exact
from support.speech import word_errors

RESULTS = Path(__file__).parents[2] / "bench/results/words.json"


def made_counts(seed: int, *, num: int, worse_by: float) -> np.ndarray:
    """Utterances of ten words in which the other system gets one in ten wrong, and ours so much more."""
    rng = np.random.default_rng(seed)
    theirs = rng.binomial(10, 0.1, num)
    return np.stack([np.full(num, 10), theirs + rng.binomial(10, worse_by, num), theirs], axis=1)


def test_alike_systems_differ_by_nothing():
    found = paired_difference({"en": made_counts(1, num=100, worse_by=0.0)}, num_resamples=500)
    assert (found.points, found.low, found.high) == (0, 0, 0)


def test_a_system_that_is_worse_is_seen_to_be_worse():
    found = paired_difference({"en": made_counts(1, num=300, worse_by=0.05)}, num_resamples=2_000)
    assert 3 < found.low < found.points < found.high < 7


def test_the_interval_holds_the_truth_about_nineteen_times_in_twenty():
    covered = 0
    for seed in range(200):
        found = paired_difference({"en": made_counts(seed, num=80, worse_by=0.02)}, num_resamples=400)
        covered += found.low <= 2.0 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_utterances_are_drawn_in_pairs():
    hard = np.array([[10, 9, 9]] * 50)
    easy = np.array([[10, 0, 0]] * 50)
    found = paired_difference({"en": np.concatenate([hard, easy])}, num_resamples=500)
    assert (found.low, found.high) == (0, 0)  # drawn apart, the rates of both would wander by 18 points


def test_lines_are_read_by_language_and_column():
    lines = ["en a 5 1 2 -", "en b 7 0 0 3", "it c 4 4 4 -"]
    assert counts_by_language(lines, ONE_CALL)["en"].tolist() == [[5, 1, 2], [7, 0, 0]]
    assert {name: rows.tolist() for name, rows in counts_by_language(lines, STREAMED).items()} == {"en": [[7, 3, 0]]}


@pytest.mark.skipif(not RESULTS.exists(), reason="bench/words has not been run")
@pytest.mark.parametrize(("column", "name"), [(ONE_CALL, "one call"), (STREAMED, "streamed")])
def test_published_differences_follow_from_the_published_counts(column, name):
    report = json.loads(RESULTS.read_text())
    assert report["columns"] == COLUMNS
    assert len(report["utterances"]) >= 300
    figures = {each["name"]: each["median"] for each in report["figures"]}
    found = paired_difference(counts_by_language(report["utterances"], column))
    whole = f"{name} - directly, all languages"
    assert figures[whole] == pytest.approx(found.points)
    assert figures[f"{whole}, upper end of 95 %"] == pytest.approx(found.high)


def test_errors_are_counted_against_the_words_that_were_said():
    assert word_errors("Press one, please.", "press 1 please", "en") == (0, 3)
    assert word_errors("Añadir número", "anadir el numero", "es") == (1, 2)
    assert word_errors("Шлюз.", "", "ru") == (1, 1)


def test_transcripts_that_lost_letters_are_left_out():
    assert is_exact("La conferenza è piena.", "it")
    assert not is_exact("La conferenza ? piena.", "it")
    assert not is_exact("[ascending tones]", "en")
    assert is_exact("Which folder?", "en")


def said(*partials: tuple[str, int], final: str) -> Utterance:
    came = [Partial(100.0 * index, text, num, 100) for index, (text, num) in enumerate(partials, 1)]
    return Utterance(came, final, [TimedWord("one", 50.0), TimedWord("two", 120.0)], 900.0, 800.0)


def test_settled_text_that_stays_is_not_broken():
    assert num_broken(said(("one to", 3), ("one two", 4), final="one two")) == 0


@pytest.mark.parametrize(
    ("partials", "final"),
    [
        ((("one two", 7),), "one too"),
        ((("one two", 7), ("one two", 3)), "one two"),
        ((("one", 3), ("won two", 7)), "won two"),
        ((("one two", 3),), ""),
    ],
    ids=["by the final", "taken back", "by a partial", "by an empty final"],
)
def test_settled_text_that_changes_is_counted(partials, final):
    assert num_broken(said(*partials, final=final)) == 1


def test_a_word_settles_with_the_first_partial_that_covers_it_or_else_with_the_final():
    waits = settled_after_ms(said(("one", 2), ("one two", 3), ("one two", 6), final="one two"))
    assert waits == [(150.0, True), (780.0, False)]


def test_the_end_of_voice_is_that_of_the_last_loud_frame_before_the_cut():
    assert voice_end_ms([20.0, 40.0, 400.0], 300.0) == 40.0
    assert voice_end_ms([400.0], 300.0) is None
