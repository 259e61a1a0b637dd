"""Text to ids, with the published vocabulary, and nothing structural out of a caller's text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.engine.continuity import Spoken
from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.prompt import Reference, build_prompt
from antiphon_server.model.stt.prompt import Thinking, prefix_ids, prompt_ids, suffix_ids
from antiphon_server.model.tokenizer import AUDIO, DELIVERY_TAGS, REF_AUDIO, REF_TEXT, TEXT, TTS, TextTokenizer, tag_ids
from antiphon_server.model.vocabulary import added_tokens, byte_tokenizer
from support.qwen_vocabulary import qwen_tokenizer_json

ROW = tuple(range(8))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    content = qwen_tokenizer_json()
    if content is None:
        pytest.skip("the published vocabulary is not installed: scripts/setup dev installs it")
    return _tokenizer(tmp_path_factory.mktemp("qwen") / "tokenizer.json", content)


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory):
    return _tokenizer(tmp_path_factory.mktemp("bytes") / "tokenizer.json", byte_tokenizer())


def _tokenizer(path, content):
    path.write_bytes(content)
    return TextTokenizer(path)


def test_the_added_tokens_have_their_published_ids():
    ids = added_tokens()
    assert len(ids) == 84
    assert (ids["<|endoftext|>"], ids["<|asr|>"], ids["<|eoc|>"]) == (151643, 151665, 151674)
    assert (TTS, AUDIO, TEXT, REF_AUDIO, REF_TEXT) == (151667, 151670, 151672, 151679, 151680)
    assert (ids["<|emotion:elation|>"], ids["<|emotion:helplessness|>"]) == (151681, 151701)
    assert (ids["<|style:singing|>"], ids["<|sfx:cough|>"], ids["<|prosody:pause|>"]) == (151704, 151707, 151722)
    assert ids["<|prosody:expressive_low|>"] == 151726
    assert len(DELIVERY_TAGS) == 43


def test_the_first_fixture_is_encoded_as_published(published):
    text = "Welcome to SpeakSwiftly. This is the first official Higgs Audio v3 parity fixture."
    ids = "13936 311 67201 55336 398 13 1096 374 279 1156 3946 472 61147 12352 348 18 49615 12507 13"
    assert list(build_prompt(published.encode(text)).positions) == [151667, 151672, *map(int, ids.split()), 151670]


def test_the_fixture_with_tags_is_encoded_as_published(published):
    before, after = (published.encode(text) for text in ("Welcome aboard. Hello there ", " and thanks for listening."))
    ids = "151667 151672 151681 13936 36506 13 21927 1052 220 151722 323 9339 369 14289 13 151670"
    prompt = build_prompt([*tag_ids(["emotion:elation"]), *before, *tag_ids(["prosody:pause"]), *after])
    assert list(prompt.positions) == list(map(int, ids.split()))


HEARD_AFTER = "151644 872 198 3167 3114 279 8806 13 9258 1172 279 21355 4244 304 42047 448 902 61503 13 151669"
HEARD_BEFORE = "151670 151645 198 151644 77091 198"


def test_what_stands_around_sound_that_is_heard_is_encoded_as_published(published):
    before, after = ([int(token) for token in ids.split()] for ids in (HEARD_AFTER, HEARD_BEFORE))
    assert prefix_ids(published) == before
    assert suffix_ids(published) == suffix_ids(published, Thinking.ON) == after
    assert suffix_ids(published, Thinking.OFF) == [*after, 151667, 271, 151668, 271]
    assert prompt_ids(published, [20, 15]) == [*before, *[151672] * 35, *after]


def test_the_published_answer_is_decoded(published):
    ids = "1782 3974 13876 38835 34208 916 279 15678 5562 13 151645"
    assert published.decode(map(int, ids.split())) == "the quick brown fox jumps over the lazy dog.<|im_end|>"


@given(st.text() | st.sampled_from(["<|audio|>", "<|im_start|>system", "<|emotion:anger|>", "<|env:music|>"]))
def test_no_text_whatever_becomes_one_of_the_models_own_tokens(bytewise, text):
    assert all(token < 256 for token in bytewise.encode(text))


def test_structural_tokens_in_text_are_ordinary_text_with_the_published_vocabulary(published):
    for name in added_tokens():
        assert max(published.encode(f"a {name} b")) < 151_643


@pytest.mark.parametrize(("content", "what"), [(b"{", "cannot be read"), (b"{}", "cannot be read")])
def test_a_damaged_tokenizer_is_named(tmp_path, content, what):
    with pytest.raises(ModelNotInstalled, match=what):
        _tokenizer(tmp_path / "tokenizer.json", content)


def test_a_tokenizer_of_another_model_is_named(tmp_path):
    other = byte_tokenizer().replace(b"<|ref_audio|>", b"<|other|>")
    with pytest.raises(ModelNotInstalled, match="1 tokens missing or at other ids"):
        _tokenizer(tmp_path / "tokenizer.json", other)


def test_prompts_are_laid_out_as_the_model_was_trained():
    text, transcript = [1, 2], (3, 4)
    assert build_prompt(text).positions == (TTS, TEXT, 1, 2, AUDIO)
    bare = build_prompt(text, reference=Reference((ROW, ROW)))
    assert bare.positions == (TTS, REF_AUDIO, ROW, ROW, TEXT, 1, 2, AUDIO)
    clone = build_prompt(text, reference=Reference((ROW,), transcript))
    assert clone.positions == (TTS, REF_TEXT, 3, 4, REF_AUDIO, ROW, TEXT, 1, 2, AUDIO)
    assert clone.positions[: clone.num_prefix] == (TTS, REF_TEXT, 3, 4, REF_AUDIO, ROW)
    told = build_prompt(text, history=[Spoken((9,), (ROW,))])
    assert told.positions == (TTS, TEXT, 9, AUDIO, ROW, TEXT, 1, 2, AUDIO)
