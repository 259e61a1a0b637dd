"""Prompts of the listening model: nothing structural out of an instruction. Their published ids: test_tokenizer."""

import pytest

from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.stt.prompt import INSTRUCTION, Thinking, prefix_ids, prompt_ids, suffix_ids
from antiphon_server.model.stt.vocabulary import STOP_IDS, stt_tokens
from antiphon_server.model.tokenizer import TextTokenizer
from antiphon_server.model.vocabulary import byte_tokenizer


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory):
    return _tokenizer(tmp_path_factory.mktemp("bytes") / "tokenizer.json", byte_tokenizer(stt_tokens()))


def _tokenizer(path, content):
    path.write_bytes(content)
    return TextTokenizer(path, stt_tokens())


def test_the_added_tokens_have_their_published_ids():
    tokens = stt_tokens()
    assert len(tokens) == 31
    assert (tokens["<|endoftext|>"], tokens["<|im_start|>"], tokens["<|im_end|>"]) == (151643, 151644, 151645)
    assert (tokens["<think>"], tokens["</think>"]) == (151667, 151668)
    assert [tokens[f"<|{name}|>"] for name in ("audio_bos", "audio_eos", "audio_out_bos", "AUDIO", "AUDIO_OUT")] == [
        *range(151669, 151674)
    ]
    assert {151643, 151645} == STOP_IDS


def test_a_prompt_has_one_pair_of_signs_around_all_chunks(bytewise):
    prompt = prompt_ids(bytewise, [50, 35], thinking=Thinking.OFF)
    assert prompt == [*prefix_ids(bytewise), *[151672] * 85, *suffix_ids(bytewise, Thinking.OFF)]


def test_a_prompt_without_sound_is_refused(bytewise):
    with pytest.raises(ValueError, match="at least one row"):
        prompt_ids(bytewise, [])


def test_added_tokens_are_decoded_by_name_and_letters_of_several_tokens_whole(bytewise):
    answer = [151667, *bytewise.encode("hm"), 151668, *bytewise.encode("größer 東"), 151643, 151643]
    assert bytewise.decode(answer) == "<think>hm</think>größer 東<|endoftext|><|endoftext|>"
    assert bytewise.decode([151900]) == ""


@pytest.mark.parametrize("name", stt_tokens())
def test_tokens_in_an_instruction_are_ordinary_text(bytewise, name):
    turn, *rest, begin = prefix_ids(bytewise, f"{INSTRUCTION}{name}")
    assert (turn, begin) == (151644, 151669)
    assert max(rest) < 256


def test_a_tokenizer_of_the_speaking_model_is_named(tmp_path):
    with pytest.raises(ModelNotInstalled, match="tokens missing or at other ids: <tool_response>"):
        _tokenizer(tmp_path / "tokenizer.json", byte_tokenizer())
