"""Higgs Audio v3 STT as an engine: what it is asked, what it answers, and what it refuses."""

import asyncio
import time
from dataclasses import replace

import pytest

from antiphon_server.engine.protocol import ListenJob
from antiphon_server.engine.sequence import Finish
from antiphon_server.errors import ContextOverflow, DeadlineTooShort, InvalidField, ModelNotInstalled
from antiphon_server.model.stt.chunks import positions_of, seconds_in
from antiphon_server.model.stt.config import SttConfig
from antiphon_server.model.stt.prompt import Thinking
from antiphon_server.model.stt.vocabulary import THINK
from antiphon_server.runtime.stt import HiggsTranscriber, create
from antiphon_server.runtime.stt_answer import written
from antiphon_server.runtime.stt_ask import ask_for, max_ids
from antiphon_server.runtime.stt_options import SttOptions, plan_of
from antiphon_server.runtime.stt_start import load
from support.listening import make_listening, pcm_of

OPEN = {"guard": False}
SECOND = pcm_of(1, 16_000)
SHORT = pcm_of(3, 12_000)
"""It is answered with two ids, where others take all that there may be."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_listening(tmp_path_factory.mktemp("stt") / "tiny")


@pytest.fixture(scope="module")
def loaded_stt(folder):
    return load(SttOptions(checkpoint=str(folder), dtype="float32", threads=1, num_blocks=200, max_concurrent_calls=4))


@pytest.fixture(scope="module")
def engine(loaded_stt):
    return HiggsTranscriber(loaded_stt)


def hear(engine, pcm=SECOND, **job):
    return asyncio.run(engine.transcribe(ListenJob(pcm=pcm, **{"options": OPEN, **job})))


def test_a_transcript_has_text_language_counts_and_confidence(engine):
    heard = hear(engine, SHORT)
    [segment] = heard.segments
    assert heard.text
    assert heard.language == "en"
    assert (segment.start_ms, segment.end_ms) == (0, 750)
    assert segment.average_log_prob < -1  # noise, and it says so
    assert heard.input_tokens > 9  # rows of the sound, behind its instruction
    assert heard.output_tokens == len(segment.tokens) > 0
    assert heard.engine_ms > 0


def test_what_the_model_is_very_unsure_of_is_left_out_and_named(engine):
    heard = hear(engine, SHORT, options={})
    assert heard.text == ""
    assert [one.why for one in heard.left_out][:1] == ["UNSURE"]
    assert "average_log_prob" in {check.name for check in heard.checks}


def test_silence_is_not_given_to_the_model(engine):
    heard = hear(engine, bytes(32_000))
    assert (heard.text, heard.output_tokens, heard.language) == ("", 0, "en")
    assert [(check.name, check.value, check.end_ms) for check in heard.checks] == [("peak", 0.0, 1000)]


def test_the_same_sound_is_the_same_text_in_company(engine):
    async def together():
        jobs = [ListenJob(pcm=pcm_of(seed, 4_000 * seed), options=OPEN) for seed in (1, 2, 3)]
        return await asyncio.gather(*(engine.transcribe(job) for job in jobs))

    texts = [heard.text for heard in asyncio.run(together())]
    assert texts == [hear(engine, pcm_of(seed, 4_000 * seed)).text for seed in (1, 2, 3)]
    assert len(set(texts)) == 3


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"pcm": b""}, "pcm must be whole 16-bit samples, 1 at least, not 0 bytes"),
        ({"pcm": b"abc"}, "not 3 bytes"),
        ({"language": "de"}, "language 'de' is not one of the model's: en"),
        ({"is_translation": True}, "does not translate"),
        ({"thinking": "MAYBE"}, "thinking must be one of AUTO, ON, OFF"),
        ({"options": {"guard": 1}}, "options.guard must be a bool, not a int"),
        ({"options": {"gard": True}}, "options.gard is unknown; there is guard, instruction"),
        ({"options": {"instruction": "x" * 1025}}, "at most 1024 characters, not 1025"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(engine, job, said):
    with pytest.raises(InvalidField, match=said):
        hear(engine, **job)


def test_a_dialect_of_its_language_is_its_language(engine):
    assert hear(engine, SHORT, language="en-GB").text == hear(engine, SHORT).text


def test_sound_that_does_not_fit_is_refused_by_its_positions(engine):
    with pytest.raises(ContextOverflow, match="must fit 3200 positions"):
        hear(engine, pcm_of(3, 16_000) * 250)


def test_a_deadline_that_passes_is_a_refusal_and_frees_the_place(engine, loaded_stt):
    with pytest.raises(DeadlineTooShort):
        hear(engine, due_at=time.monotonic() - 1)
    assert hear(engine, SHORT).text
    stats = asyncio.run(engine.stats())
    assert stats.gauges["running"] == stats.gauges["waiting"] == stats.gauges["blocks_held"] == 0


def test_thinking_and_instruction_reach_the_prompt(loaded_stt):
    tokenizer, job = loaded_stt.tokenizer, ListenJob(pcm=SECOND)
    plain = ask_for(job, tokenizer, thinking=Thinking.AUTO)
    off = ask_for(job, tokenizer, thinking=Thinking.OFF)
    assert THINK in off.prompt
    assert THINK not in plain.prompt
    assert ask_for(job, tokenizer, thinking=Thinking.AUTO, instruction="Write.").num_prefix < plain.num_prefix
    assert (max_ids(job, Thinking.AUTO), max_ids(job, Thinking.ON)) == (64 + 25, 1024)
    assert max_ids(ListenJob(pcm=bytes(32_000 * 600)), Thinking.OFF) == 1024


def test_a_piece_is_as_long_as_its_positions_allow():
    assert positions_of(28) == 1140
    for num_positions in (1140, 1600, 3200, 32_768):
        longest = seconds_in(num_positions)
        assert positions_of(longest) <= num_positions < positions_of(longest + 1)
    assert seconds_in(32_768) > 40 * 60


def test_a_gpu_is_not_filled_beyond_what_pieces_need():
    options = SttOptions(checkpoint="x", device="cuda", max_concurrent_calls=64)
    assert plan_of(options, SttConfig(), 141 * 10**9).num_blocks == 64 * 1140 // 16
    assert plan_of(options, SttConfig(), None).cache < 10**10
    assert plan_of(replace(options, max_concurrent_calls=1), SttConfig(), None).num_positions == 32_768


def test_an_answer_cut_at_its_cap_and_loops_are_told(engine, loaded_stt):
    ask = ask_for(ListenJob(pcm=SECOND), loaded_stt.tokenizer, thinking=Thinking.AUTO)
    sequence = engine._loop.kind(ask)
    sequence.rows, sequence.finish = [(5, -100)] * 89, Finish.LENGTH
    heard = written(sequence, "<think>hm</think>so so so so so it is<|im_end|>", audio_ms=1000, is_guarded=True)
    assert heard.text == "so so so it is"
    assert {one.why for one in heard.left_out} == {"REPETITION", "UNFINISHED"}
    assert {check.name: (check.value, check.limit) for check in heard.checks} == {
        "repeated_words": (2, 0),
        "output_tokens": (89, 89),
    }


def test_it_says_what_it_is(loaded_stt):
    info = loaded_stt.info
    assert (info.model, info.languages, info.supports_thinking) == ("higgs-audio-v3-stt", ("en",), True)
    assert (info.supports_word_times, info.supports_translation) == (False, False)
    assert (info.max_piece_ms, info.num_pieces_at_once, info.max_positions) == (28_000, 4, 3200)
    assert info.revision.endswith("-float32-cpu-4")


def test_a_speaking_checkpoint_and_a_bad_option_are_refused(folder, tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["HiggsMultimodalQwen3ForConditionalGeneration"]}')
    with pytest.raises(ModelNotInstalled, match="another model"):
        asyncio.run(create({"checkpoint": str(tmp_path)}))
    with pytest.raises(InvalidField, match=r"stt\.checkpoint is required"):
        load(SttOptions())
    with pytest.raises(InvalidField, match="thinking must be one of auto, on, off, not 'maybe'"):
        load(replace(SttOptions(checkpoint=str(folder)), thinking="maybe"))
