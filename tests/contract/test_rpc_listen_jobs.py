"""What a transcription's fields become on their way to the model, and what comes back beside the words."""

import math
import time

import pytest

from antiphon.speech.v1 import audio_pb2, report_pb2, transcript_pb2
from antiphon.speech.v1 import transcription_service_pb2 as pb
from antiphon_server.engine.protocol import ListenJob
from support.fronts import RunningFront, running_front, scripted_engines
from support.refusals import TALK, check_good_call, listen_once, refused, wav
from support.scripted_ears import CALL_OPTIONS, scripted_ears
from support.sessions import silence, voice

LIMIT_S = 20
SAID = wav(voice(800))


def engines(**script):
    found = scripted_engines()
    found.transcriber = scripted_ears(**script)
    return found


def jobs(front: RunningFront) -> list[ListenJob]:
    return front.engines.transcriber.jobs  # type: ignore[attr-defined]


async def once(front: RunningFront, audio: bytes = SAID, *, metadata=(), timeout=LIMIT_S, **config):
    request = pb.TranscribeOnceRequest(audio=audio, config=config)
    return await front.transcription.TranscribeOnce(request, timeout=timeout, metadata=metadata)


async def listen(front: RunningFront, *parts: bytes, **config) -> list[pb.TranscribeResponse]:
    """Transcribe samples; each part ends in a flush, except the last."""
    requests = [pb.TranscribeRequest(config=config)]
    for part in parts:
        requests += [pb.TranscribeRequest(audio=part[at : at + 32_000]) for at in range(0, len(part), 32_000)]
        requests.append(pb.TranscribeRequest(flush={}))
    call = front.transcription.Transcribe(iter(requests[:-1]), timeout=LIMIT_S)
    return [response async for response in call]


def finals(responses) -> list[pb.FinalTranscript]:
    return [response.final for response in responses if response.HasField("final")]


def warned(answer) -> list[str]:
    return [warning.field for warning in answer.warnings]


@pytest.mark.parametrize("asked", ["ON", "OFF", "AUTO"])
async def test_thinking_reaches_a_model_that_thinks(asked):
    async with running_front(engines()) as front:
        answer = await once(front, thinking=f"THINKING_{asked}")
        (started, *_) = await listen(front, voice(300), thinking=f"THINKING_{asked}")
        assert {job.thinking for job in jobs(front)} == {asked}
        assert pb.Thinking.Name(started.started.config.thinking) == f"THINKING_{asked}"
        assert warned(answer) == []


async def test_thinking_is_reported_as_without_effect_on_a_model_that_does_not():
    async with running_front(engines(thinks=False)) as front:
        answer = await once(front, thinking=pb.THINKING_ON)
        assert warned(answer) == ["config.thinking"]
        assert answer.warnings[0].code == report_pb2.WARNING_CODE_FIELD_IGNORED
        assert warned(await once(front, thinking=pb.THINKING_OFF)) == []
        assert {job.thinking for job in jobs(front)} == {"AUTO"}


async def test_hints_reach_a_model_that_heeds_them_and_are_reported_where_it_does_not():
    hints = {"prompt": "A letter.", "key_words": ["Antiphon"], "language": "de", "temperature": 0.5}
    async with running_front(engines()) as front:
        assert warned(await once(front, **hints)) == []
        (job,) = jobs(front)
        assert (job.prompt, job.key_words, job.language, job.temperature) == ("A letter.", ("Antiphon",), "de", 0.5)
    async with running_front(engines(heeds_hints=False)) as front:
        answer = await once(front, **hints)
        assert sorted(warned(answer)) == sorted(f"config.{name}" for name in hints)
        (job,) = jobs(front)
        assert (job.prompt, job.key_words, job.temperature) == ("", (), 0.0)


async def test_options_are_passed_with_defaults_filled_in_and_shown():
    async with running_front(engines()) as front:
        options = {"patience": {"int_value": 2}, "style": {"string_value": "terse"}}
        (started, *_) = await listen(front, voice(300), options=options)
        expected = {**CALL_OPTIONS, "patience": 2.0, "style": "terse"}
        assert dict(jobs(front)[-1].options) == expected
        shown = {
            name: getattr(value, value.WhichOneof("kind")) for name, value in started.started.config.options.items()
        }
        assert shown == expected


@pytest.mark.parametrize(
    ("name", "value", "field", "words"),
    [
        ("beam", {"int_value": 2}, "config.options", ["beam", "beams"]),
        ("beams", {"string_value": "2"}, "config.options.beams", ["whole number", "text"]),
        ("beams", {}, "config.options.beams", ["whole number", "empty"]),
        ("patience", {"double_value": math.inf}, "config.options.patience", ["finite", "inf"]),
    ],
)
async def test_options_of_another_name_or_kind_are_refused(name, value, field, words):
    async with running_front(engines()) as front:
        found = await listen_once(front, SAID, options={name: value})
        assert (found.reason, found.fields) == ("INVALID_FIELD", [field])
        assert all(word in found.message for word in words), found.message
        await check_good_call(front)


@pytest.mark.parametrize(
    ("tag", "code"), [("DE-at", "de"), ("nb-NO", "no"), ("iw", "he"), ("en_US", "en"), ("auto", "")]
)
async def test_languages_are_known_by_every_name_they_have(tag, code):
    async with running_front(engines()) as front:
        (started, *_) = await listen(front, voice(300), language=tag)
        assert {job.language for job in jobs(front)} == {code}
        assert started.started.config.language == code


async def test_an_unknown_language_names_near_ones_on_every_call():
    async with running_front(engines()) as front:
        for tag, offered in {"eng": "there is en", "klingon": "there is de, en, he, no"}.items():
            config = {"language": tag}
            found = [
                await listen_once(front, SAID, **config),
                await refused(front.transcription.Transcribe(), pb.TranscribeRequest(config=config)),
                await refused(front.conversation.Converse(), type(TALK)(config={"transcription": config})),
            ]
            fields = [["config.language"], ["config.language"], ["config.transcription.language"]]
            assert [each.fields for each in found] == fields
            assert all(tag in each.message and each.message.endswith(offered) for each in found), found
        await check_good_call(front)


async def test_words_with_times_are_refused_where_the_model_has_none():
    async with running_front(engines(word_times=False)) as front:
        config = {"word_times": True}
        for found in (
            await listen_once(front, SAID, **config),
            await refused(front.transcription.Transcribe(), pb.TranscribeRequest(config=config)),
            await refused(front.conversation.Converse(), type(TALK)(config={"transcription": config})),
        ):
            assert found.reason == "UNSUPPORTED_FEATURE"
            assert found.fields[0].endswith("word_times")
            assert "scripted-stt" in found.message


async def test_the_caller_and_the_deadline_of_a_call_are_those_of_its_jobs():
    async with running_front(engines()) as front:
        began_at = time.monotonic()
        for name in ("ann", "bob"):
            await once(front, timeout=30, metadata=(("x-antiphon-caller", name),))
        ann, bob = jobs(front)
        assert (ann.caller.endswith(" ann"), bob.caller.endswith(" bob")) == (True, True)
        assert ann.due_at is not None
        assert began_at + 20 < ann.due_at < time.monotonic() + 30
        assert all("ann" not in str(job.options) for job in jobs(front))


async def test_usage_counts_what_finals_were_made_of():
    async with running_front(engines()) as front:
        responses = await listen(front, voice(800), voice(1600), partial_interval_ms=0)
        assert responses[-1].done.usage == report_pb2.Usage(
            input_audio_ms=2400,
            input_tokens=sum(len(job.pcm) // 2560 for job in jobs(front)),
            output_tokens=4,
        )
        answer = await once(front)
        assert (answer.usage.input_audio_ms, answer.usage.output_tokens) == (800, 2)
        assert answer.timings.HasField("engine_ms")
        assert answer.timings.HasField("total_ms")
        assert all(final.timings.HasField("total_ms") for final in finals(responses))
    async with running_front(engines(tokens=False)) as front:
        assert (await once(front)).usage == report_pb2.Usage(input_audio_ms=800)


@pytest.mark.parametrize(("log_prob", "confidence"), [(-0.5, math.exp(-0.5)), (0.0, 1.0), (None, None)])
async def test_segments_are_as_sure_as_their_tokens(log_prob, confidence):
    async with running_front(engines(log_prob=log_prob)) as front:
        (segment,) = (await once(front)).segments
        assert segment.HasField("confidence") == (confidence is not None)
        assert segment.confidence == pytest.approx(confidence or 0.0)


async def test_a_report_is_there_where_it_is_asked_for_and_nowhere_else():
    async with running_front(engines()) as front:
        plain, asked = await listen(front, voice(800)), await listen(front, voice(800), report=True)
        assert not any(final.HasField("report") for final in finals(plain))
        assert all(final.HasField("report") for final in finals(asked))
        assert asked[0].started.config.report
        assert not (await once(front)).HasField("report")
        assert (await once(front, report=True)).HasField("report")
        silent = await once(front, wav(silence(800)), report=True)
        assert silent.report == transcript_pb2.ListeningReport()


async def test_a_report_is_on_the_clock_of_the_stream_and_names_every_check():
    async with running_front(engines()) as front:
        responses = await listen(front, voice(800), silence(2000) + voice(800), report=True, partial_interval_ms=0)
        for final, begins_ms in zip(finals(responses), (0, 2800), strict=True):
            (piece,) = final.report.pieces
            assert begins_ms - 500 <= piece.start_ms <= begins_ms + 100
            assert begins_ms + 700 <= piece.end_ms <= final.end_ms
            assert (piece.end, piece.engine_ms) == (transcript_pb2.PIECE_END_AUDIO, 1.0)
            (check,) = piece.checks
            assert (check.name, check.value, check.limit) == ("average_log_prob", -1.25, -1.0)
            assert check.end_ms - check.start_ms == 200
            assert check.start_ms >= piece.start_ms


async def test_who_writes_partials_is_said():
    async with running_front(engines()) as front:
        (live, *_) = await listen(front, voice(300))
        (quiet, *_) = await listen(front, voice(300), partial_interval_ms=0)
        (file, *_) = await listen(front, SAID, format={"encoding": audio_pb2.AUDIO_ENCODING_CONTAINER})
        named = [started.started.partial_model for started in (live, quiet, file)]
        assert named == ["scripted-stt", "", ""]
