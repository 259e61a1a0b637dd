# ruff: noqa: RUF001 - letters of the phonetic alphabet

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.embedded.kokoro_espeak import Espeak, in_alphabet
from antiphon_server.embedded.kokoro_files import espeak as added_espeak
from antiphon_server.embedded.kokoro_files import tree_sha256
from antiphon_server.embedded.kokoro_phrases import (
    EARLY_PHONEMES,
    LATEST_EARLY_PHONEMES,
    LEAST_REST_PHONEMES,
    MAX_PHONEMES,
    PAUSES_MS,
    phrases,
    trimmed,
)
from antiphon_server.errors import EngineFailed, ModelNotInstalled
from support.added import ADDED_MODELS, needs_espeak

RATE_HZ = 24_000
WORDS = st.text(alphabet="abɹˈə", min_size=1, max_size=400)
SPELLED = st.lists(st.tuples(WORDS, st.sampled_from(["", ",", ".", ";", "?", "—", "…"])), max_size=40)


@given(parts=SPELLED, is_first=st.booleans())
def test_phrases_are_short_enough_and_lose_no_sound(parts, is_first):
    text = " ".join(word + mark for word, mark in parts)
    found = list(phrases(text, is_first=is_first))
    assert all(0 < len(phrase.phonemes) <= MAX_PHONEMES for phrase in found)
    letters = "".join(letter for letter in text if letter.isalpha())
    assert "".join(letter for phrase in found for letter in phrase.phonemes if letter.isalpha()) == letters


@given(parts=SPELLED)
def test_nothing_is_cut_into_shreds(parts):
    text = " ".join(word + mark for word, mark in parts)
    for phrase in list(phrases(text, is_first=True))[:-1]:
        assert len(phrase.phonemes) >= EARLY_PHONEMES // 4 - 1 or not any(map(str.isalpha, text))


def test_the_first_phrase_ends_at_an_early_mark_and_the_next_ones_grow():
    clause = "wˈʌn tˈu θɹˈi fˈɔɹ fˈIv, "
    found = list(phrases(clause * 30, is_first=True))
    assert len(found[0].phonemes) <= EARLY_PHONEMES
    lengths = [len(phrase.phonemes) for phrase in found]
    assert lengths[1] > lengths[0]
    assert lengths[2] > lengths[1]
    assert all(phrase.phonemes.endswith(",") and phrase.pause_ms == PAUSES_MS[","] for phrase in found)
    assert len(list(phrases(clause * 30, is_first=False))) < len(found)


def test_a_sentence_without_a_mark_or_with_a_short_rest_stays_whole():
    whole = "wˈʌn tˈu θɹˈi " * 10
    assert len(list(phrases(whole, is_first=True))) == 1
    short_rest = "a" * (EARLY_PHONEMES - 5) + ", " + "b" * (LEAST_REST_PHONEMES - 1)
    assert len(list(phrases(short_rest, is_first=True))) == 1
    late_mark = "a" * (LATEST_EARLY_PHONEMES + 5) + ", " + "b" * 60
    assert len(list(phrases(late_mark, is_first=True))) == 1


def test_phrases_of_marks_alone_are_not_spoken():
    assert list(phrases('... "?" — !', is_first=True)) == []


@pytest.mark.parametrize("pause_ms", [0, 130, 900])
def test_silence_is_trimmed_to_what_is_wanted(pause_ms):
    tone = 0.3 * np.sin(np.arange(RATE_HZ // 2) * 0.1).astype(np.float32)
    silence = np.zeros(RATE_HZ // 2, np.float32)
    found = trimmed(np.concatenate([silence, tone, silence]), pause_ms, RATE_HZ)
    assert len(found) / RATE_HZ == pytest.approx(0.04 + 0.5 + pause_ms / 1000, abs=0.011)
    assert found[0] == 0.0
    assert found[-1] == 0.0


def test_silence_alone_is_nothing():
    assert len(trimmed(np.zeros(5000, np.float32), 100, RATE_HZ)) == 0
    assert len(trimmed(np.zeros(3, np.float32), 100, RATE_HZ)) == 0


def test_tied_sounds_become_the_letters_the_model_learned():
    assert in_alphabet("(^e^n)t^ʃˈa^ɪn(^f^r) d^ʒ  o^ʊ- ɐ^ʊ") == "ʧˈIn ʤ O ɐʊ"


def test_espeak_without_its_data_is_a_failure_and_no_end_of_the_process(tmp_path):
    needs_espeak()
    folder = added_espeak(ADDED_MODELS)
    library = next(path for path in folder.iterdir() if path.suffix in (".so", ".dylib", ".dll"))
    shutil.copy(library, tmp_path)
    (tmp_path / "espeak-ng-data").mkdir()
    with pytest.raises(EngineFailed, match="cannot read its data"):
        Espeak(tmp_path)


def test_espeak_keeps_marks_and_reads_numbers():
    needs_espeak()
    folder = added_espeak(ADDED_MODELS)
    assert folder is not None
    espeak = Espeak(folder)
    spelled = espeak.phonemes("¿Dónde está? Son las 3,5 horas (casi); adiós...", "es")
    assert [letter for letter in spelled if letter in ".,;?…"] == ["?", ";", "…"]
    assert "kˈoma" in spelled or "koma" in spelled
    assert espeak.phonemes("I like le weekend.", "fr").count("(") == 0
    assert espeak.phonemes("नमस्ते। नमस्ते।", "hi").count(".") == 2


def test_changed_files_of_espeak_are_refused(tmp_path):
    assert added_espeak(tmp_path) is None
    (tmp_path / "espeak-ng-1.52").mkdir()
    (tmp_path / "espeak-ng-1.52/libespeak-ng.so").write_bytes(b"another")
    with pytest.raises(ModelNotInstalled, match="antiphon models remove espeak"):
        added_espeak(tmp_path)


def test_a_folders_hash_tells_names_and_contents(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_text("1")
    first = tree_sha256(tmp_path)
    (tmp_path / "a/x").rename(tmp_path / "a/y")
    assert tree_sha256(tmp_path) != first
    (tmp_path / "a/y").rename(tmp_path / "a/x")
    assert tree_sha256(tmp_path) == first
