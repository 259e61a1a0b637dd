"""What a call's fields become on their way to the model: passed, refused, or reported as without effect."""

import math
import time

import grpc
import pytest

from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from antiphon.speech.v1 import report_pb2
from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon_server.config.settings import Config
from antiphon_server.engine.protocol import SpeechJob
from support.fronts import RunningFront, running_front, scripted_engines
from support.refusals import check_good_call, refused, speak_once
from support.scripted_cloning import CALL_OPTIONS, cloning_synthesizer

CONTEXT = pb.CONTINUITY_CONTEXT
HISTORY = {
    "continuity": CONTEXT,
    "segmentation": {"max_context_chunks": 3},
    "initial_codec_chunk_frames": 4,
}
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "top_k": 20, "max_new_tokens": 99, "seed": 5}


def engines(**script):
    found = scripted_engines()
    found.synthesizer = cloning_synthesizer(**script)
    return found


def jobs(front: RunningFront) -> list[SpeechJob]:
    return front.engines.synthesizer.jobs  # type: ignore[attr-defined]


async def speak(front: RunningFront, text: str = "Hello.", *, metadata=(), timeout: float | None = 20, **config):
    request = pb.SynthesizeOnceRequest(text=text, config=config)
    call = front.synthesis.SynthesizeOnce(request, timeout=timeout, metadata=metadata)
    return [response async for response in call]


def warned(responses) -> list[str]:
    return [warning.field for warning in responses[0].started.warnings]


async def test_continuity_context_and_first_chunk_are_passed_and_shown():
    async with running_front(engines()) as front:
        responses = await speak(front, **HISTORY)
        (job,) = jobs(front)
        assert (job.continuity, job.max_context_segments, job.first_chunk_frames) == ("CONTEXT", 3, 4)
        assert responses[0].started.config.segmentation.max_context_chunks == 3
        assert not warned(responses)
        responses = await speak(front)
        job = jobs(front)[-1]
        assert (job.continuity, job.max_context_segments, job.first_chunk_frames) == ("CONTEXT", None, None)
        assert responses[0].started.config.continuity == CONTEXT


async def test_a_model_without_history_says_that_they_have_no_effect():
    async with running_front(engines(hears_history=False)) as front:
        responses = await speak(front, **HISTORY, previous_turns=[{"text": "a"}])
        (job,) = jobs(front)
        assert (job.continuity, job.max_context_segments, job.previous) == ("", None, ())
        assert warned(responses) == [
            "config.continuity",
            "config.segmentation.max_context_chunks",
            "config.previous_turns",
        ]
        assert responses[0].started.config.continuity == pb.CONTINUITY_NONE


@pytest.mark.parametrize("continuity", ["NONE", "SEQUENCE"])
async def test_a_number_of_earlier_segments_has_no_effect_unless_some_are_asked_for(continuity):
    async with running_front(engines()) as front:
        responses = await speak(front, **HISTORY | {"continuity": f"CONTINUITY_{continuity}"})
        assert (jobs(front)[0].continuity, jobs(front)[0].max_context_segments) == (continuity, None)
        (warning,) = responses[0].started.warnings
        assert warning.field == "config.segmentation.max_context_chunks"
        assert f"CONTINUITY_{continuity}" in warning.message
        assert not responses[0].started.config.segmentation.HasField("max_context_chunks")


@pytest.mark.parametrize(("uses_language", "tag"), [(True, "EN-gb"), (False, "EN-gb"), (True, "en_US")])
async def test_a_language_is_shown_as_used_and_reported_where_the_model_does_not_heed_it(uses_language, tag):
    async with running_front(engines(uses_language=uses_language)) as front:
        responses = await speak(front, language=tag)
        assert responses[0].started.config.language == jobs(front)[0].language == "en"
        assert warned(responses) == ([] if uses_language else ["config.language"])
        assert warned(await speak(front, language="auto")) == []
        assert (
            "one of the 1 that scripted-tts speaks, such as en, not 'tlh'"
            in (await speak_once(front, language="tlh")).message
        )


async def test_options_are_passed_with_defaults_filled_in():
    async with running_front(engines()) as front:
        responses = await speak(front, options={"steps": {"int_value": 3}, "warmth": {"int_value": 1}})
        assert jobs(front)[0].options == {**CALL_OPTIONS, "steps": 3, "warmth": 1.0}
        shown = responses[0].started.config.options
        assert {name: getattr(value, value.WhichOneof("kind")) for name, value in shown.items()} == {
            **CALL_OPTIONS, "steps": 3, "warmth": 1.0
        }  # fmt: skip


@pytest.mark.parametrize("heeds_delivery", [False, True])
async def test_pace_and_pitch_hold_whoever_renders_them_and_what_is_not_heeded_is_reported(heeds_delivery):
    fields = {"speed": 2.0, "pitch_semitones": 3.0, "instructions": "slowly", "start_policy": 2}
    names = ["instructions", "start_policy"]
    async with running_front(engines(heeds_delivery=heeds_delivery)) as front:
        responses = await speak(front, **fields, segmentation={"max_turns_per_chunk": 2})
        shown = responses[0].started.config
        assert warned(responses) == [f"config.{name}" for name in (*names, "segmentation.max_turns_per_chunk")]
        assert (shown.speed, shown.pitch_semitones, shown.start_policy) == (2.0, 3.0, pb.START_POLICY_IMMEDIATE)
        assert (jobs(front)[0].speed, jobs(front)[0].pitch_semitones) == (2.0, 3.0)
        call = front.synthesis.Synthesize(iter([pb.SynthesizeRequest(config={}), pb.SynthesizeRequest(update=fields)]))
        updated = [response.warning.field async for response in call if response.HasField("warning")]
        assert updated == [f"update.{name}" for name in names]
        requests = [{"config": {}}, {"update": {"synthesis": fields}}]
        talk = front.conversation.Converse(talk_pb.ConverseRequest(**request) for request in requests)
        updated = [response.warning.field async for response in talk if response.HasField("warning")]
        assert updated == [f"update.synthesis.{name}" for name in names]


@pytest.mark.parametrize(
    ("name", "value", "field", "words"),
    [
        ("step", {"int_value": 1}, "config.options", ["'step'", "there is steps"]),
        ("x" * 99, {"int_value": 1}, "config.options", ["fast", "style"]),
        ("fast", {"int_value": 1}, "config.options.fast", ["must be a boolean", "not a whole number"]),
        ("steps", {"double_value": 1.0}, "config.options.steps", ["must be a whole number", "not a number"]),
        ("warmth", {"string_value": "1"}, "config.options.warmth", ["must be a number", "not a text"]),
        ("warmth", {"double_value": math.nan}, "config.options.warmth", ["finite", "nan"]),
        ("style", {"bool_value": True}, "config.options.style", ["must be a text", "not a boolean"]),
        ("style", {"string_value": "x" * 4097}, "config.options.style", ["4096", "4097"]),
        ("style", {}, "config.options.style", ["must be a text", "not empty"]),
    ],
)
async def test_options_of_another_name_or_kind_are_refused(name, value, field, words):
    async with running_front(engines()) as front:
        found = await speak_once(front, options={name: value})
        assert (found.reason, found.fields) == ("INVALID_FIELD", [field])
        assert all(word in found.message for word in words), found.message


async def test_sampling_that_is_used_is_passed_and_shown_and_what_is_not_is_named_and_left_out():
    guard = {"ras_window_frames": 5, "ras_max_repeats": 2}
    async with running_front(engines()) as front:
        responses = await speak(front, sampling={**SAMPLING, **guard})
        job = jobs(front)[0]
        assert {name: getattr(job, name) for name in SAMPLING} == SAMPLING
        shown = responses[0].started.config.sampling
        assert {field.name: value for field, value in shown.ListFields()} == SAMPLING
        assert warned(responses) == ["config.sampling.ras_max_repeats", "config.sampling.ras_window_frames"]
    async with running_front() as front:
        responses = await speak(front, sampling=SAMPLING)
        assert [field.name for field, _ in responses[0].started.config.sampling.ListFields()] == ["seed"]
        assert "config.sampling.temperature" in warned(responses)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["temperature", "top_p", "speed", "pitch_semitones"])
async def test_numbers_that_are_none_are_refused_everywhere(name, value):
    is_sampling = name in ("temperature", "top_p")
    fields = {"sampling": {name: value}} if is_sampling else {name: value}
    field = f"config.sampling.{name}" if is_sampling else f"config.{name}"
    async with running_front(engines()) as front:
        stream = await refused(front.synthesis.Synthesize(), pb.SynthesizeRequest(config=fields))
        for found in (await speak_once(front, **fields), stream):
            assert (found.reason, found.fields) == ("INVALID_FIELD", [field])
        if not is_sampling:
            requests = pb.SynthesizeRequest(config={}), pb.SynthesizeRequest(update=fields)
            found = await refused(front.synthesis.Synthesize(), *requests)
            assert (found.reason, found.fields) == ("INVALID_FIELD", [f"update.{name}"])
        await check_good_call(front)


async def test_a_voice_by_another_name_is_reported_in_a_config_and_in_updates():
    async with running_front(engines(), config=Config(voice_aliases={"Nova": "tone"})) as front:
        responses = await speak(front, voice="nova")
        (warning,) = responses[0].started.warnings
        assert (warning.code, warning.field) == (report_pb2.WARNING_CODE_SUBSTITUTED, "config.voice")
        assert "tone speaks in place of 'nova'" in warning.message
        assert responses[0].started.config.voice == "tone"
        for own in ("tone", "TONE", "default", ""):
            assert not warned(await speak(front, voice=own))
        requests = [pb.SynthesizeRequest(config={}), pb.SynthesizeRequest(update={"voice": "nova"})]
        call = front.synthesis.Synthesize(iter(requests))
        assert [each.warning.field async for each in call if each.HasField("warning")] == ["update.voice"]
        talk = [{"config": {}}, {"update": {"synthesis": {"voice": "nova"}}}]
        call = front.conversation.Converse(talk_pb.ConverseRequest(**request) for request in talk)
        assert [each.warning.field async for each in call if each.HasField("warning")] == ["update.synthesis.voice"]


async def test_callers_are_connections_and_the_callers_a_connection_names():
    async with running_front(engines()) as front:
        for name in ("", "ab12", "other", "two words", "x" * 65, "x" * 64):
            await speak(front, metadata=(("x-antiphon-caller", name),) if name else ())
        callers = [job.caller for job in jobs(front)]
        async with grpc.aio.insecure_channel(front.address) as channel:
            stub = type(front.synthesis)(channel)
            [response async for response in stub.SynthesizeOnce(pb.SynthesizeOnceRequest(text="Hello."), timeout=20)]
        peer = callers[0]
        assert callers == [peer, f"{peer} ab12", f"{peer} other", peer, peer, f"{peer} {'x' * 64}"]
        assert jobs(front)[-1].caller not in ("", peer)


async def test_the_deadline_of_a_call_is_that_of_its_jobs_less_the_way_back():
    async with running_front(engines()) as front:
        await speak(front, timeout=30)
        await speak(front, timeout=None)
        first, second = jobs(front)
        assert first.due_at is not None
        assert 20 < first.due_at - time.monotonic() < 29.95
        assert second.due_at is None


async def test_nothing_is_spoken_after_a_deadline_and_what_was_asked_for_ends_by_it():
    async with running_front(engines(ends=("STOP", "DEADLINE"))) as front:
        call = front.synthesis.Synthesize(timeout=20)
        await call.write(pb.SynthesizeRequest(config={}))
        for text in ("One. Two. Three. ", "Four.", "Five."):
            await call.write(pb.SynthesizeRequest(text={"text": text}))
            await call.write(pb.SynthesizeRequest(flush={}))
        await call.done_writing()
        done = [response.utterance_done async for response in call if response.HasField("utterance_done")]
        assert [job.text for job in jobs(front)] == ["One.", "Two."]
        assert [each.utterance_id for each in done] == ["u1", "u2", "u3"]
        assert {each.finish_reason for each in done} == {report_pb2.FINISH_REASON_DEADLINE}
        assert done[0].num_samples > 0
        assert [each.num_samples for each in done[1:]] == [0, 0]
        assert done[0].usage.input_characters == len("One.Two.")


async def test_a_deadline_before_any_sound_is_not_taken_for_text_that_cannot_be_spoken():
    async with running_front(engines(ends=("DEADLINE",), is_mute=True)) as front:
        done = (await speak(front, "One. Two."))[-1].utterance_done
        assert (done.finish_reason, done.num_samples) == (report_pb2.FINISH_REASON_DEADLINE, 0)


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (("STOP", "RUNAWAY", "STOP"), "RUNAWAY"),
        (("LENGTH", "RUNAWAY"), "LENGTH"),
        (("RUNAWAY", "LENGTH", "DEADLINE"), "DEADLINE"),
    ],
)
async def test_a_segment_that_went_wrong_is_reported_and_the_others_are_spoken(ends, reason):
    async with running_front(engines(ends=ends)) as front:
        done = (await speak(front, "One. Two. Three."))[-1].utterance_done
        assert report_pb2.FinishReason.Name(done.finish_reason) == f"FINISH_REASON_{reason}"
        assert [job.text for job in jobs(front)] == ["One.", "Two.", "Three."]


async def test_equal_calls_have_equal_tokens_but_not_those_a_deadline_ended():
    async def token(front: RunningFront, **config) -> str:
        config = {"sampling": SAMPLING} | config
        return (await speak(front, **config))[-1].utterance_done.replay_token

    async with running_front(engines()) as front:
        first = await token(front)
        assert await token(front) == first
        warmer = {"sampling": SAMPLING | {"temperature": 0.6}}
        others = [await token(front, **config) for config in (warmer, HISTORY, {"language": "en"})]
        assert len({first, *others}) == 4
    async with running_front(engines(ends=("DEADLINE",) * 2)) as front:
        assert await token(front) != await token(front)


async def test_tokens_are_counted_where_the_model_can():
    async with running_front(engines()) as front:
        explained = await front.synthesis.ExplainSynthesis(pb.ExplainSynthesisRequest(text="One two. Three four five."))
        assert [segment.num_tokens for segment in explained.segments] == [2, 3]
        assert explained.num_tokens == 5
        assert explained.config.continuity == CONTEXT
    async with running_front() as front:
        explained = await front.synthesis.ExplainSynthesis(pb.ExplainSynthesisRequest(text="One two."))
        assert explained.num_tokens == 0


async def test_tags_without_effect_are_explained_in_the_words_of_the_call():
    text = "<|emotion:awe|>Hi. <|emotion:awe|>You. <|style:singing|>There."
    async with running_front() as front:
        explained = await front.synthesis.ExplainSynthesis(pb.ExplainSynthesisRequest(text=text))
        said = [response.warning for response in await speak(front, text) if response.HasField("warning")]
    assert [warning.code for warning in explained.warnings] == [report_pb2.WARNING_CODE_TAG_NOT_RENDERED] * 2
    assert [warning.message for warning in explained.warnings] == [warning.message for warning in said]


async def test_a_lone_sign_is_explained_and_spoken_alike():
    async with running_front() as front:
        explained = await front.synthesis.ExplainSynthesis(pb.ExplainSynthesisRequest(text="%"))
        assert explained.num_characters == 1
        assert (await speak(front, "%"))[-1].utterance_done.num_samples > 0
