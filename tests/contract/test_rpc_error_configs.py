"""Bad configs over gRPC: refused before anything starts, by the streams and their unary twins alike."""

import math

import pytest

from antiphon.speech.v1 import audio_pb2, report_pb2
from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from antiphon.speech.v1 import transcription_service_pb2 as listen_pb
from support.fronts import running_front
from support.refusals import TALK, check_good_call, listen_once, refused, speak_once, wav
from support.sessions import voice

SPEECH_CONFIGS = [
    ({"voice": "nobody"}, "UNKNOWN_VOICE", "config.voice", ["nobody", "tone"]),
    ({"model": "gpt-99"}, "UNKNOWN_MODEL", "", ["gpt-99", "scripted-tts"]),
    ({"model": "m" * 257}, "INVALID_FIELD", "config.model", ["256", "257"]),
    ({"format": {"encoding": 99}}, "UNSUPPORTED_FORMAT", "config.format.encoding", ["99"]),
    ({"format": {"encoding": audio_pb2.AUDIO_ENCODING_CONTAINER}}, "UNSUPPORTED_FORMAT", "config.format.encoding", []),
    ({"format": {"sample_rate_hz": 7999}}, "INVALID_FIELD", "config.format.sample_rate_hz", ["8000", "48000", "7999"]),
    ({"format": {"sample_rate_hz": 48001}}, "INVALID_FIELD", "config.format.sample_rate_hz", ["48000", "48001"]),
    ({"format": {"sample_rate_hz": -1}}, "INVALID_FIELD", "config.format.sample_rate_hz", ["-1"]),
    ({"speed": 0.2}, "INVALID_FIELD", "config.speed", ["0.25", "4", "0.2"]),
    ({"speed": math.nan}, "INVALID_FIELD", "config.speed", ["0.25", "nan"]),
    ({"pitch_semitones": 13.0}, "INVALID_FIELD", "config.pitch_semitones", ["12", "13"]),
    ({"sampling": {"temperature": 2.5}}, "INVALID_FIELD", "config.sampling.temperature", ["2", "2.5"]),
    ({"sampling": {"temperature": math.inf}}, "INVALID_FIELD", "config.sampling.temperature", ["inf"]),
    ({"sampling": {"top_p": 0.0}}, "INVALID_FIELD", "config.sampling.top_p", ["above 0", "not 0"]),
    ({"sampling": {"top_p": math.nan}}, "INVALID_FIELD", "config.sampling.top_p", ["nan"]),
    ({"sampling": {"top_k": 1027}}, "INVALID_FIELD", "config.sampling.top_k", ["1026", "1027"]),
    ({"sampling": {"seed": -1}}, "INVALID_FIELD", "config.sampling.seed", ["0 to 9223372036854775807, not -1"]),
    ({"initial_codec_chunk_frames": 2**31 - 1}, "INVALID_FIELD", "config.initial_codec_chunk_frames", ["2147483647"]),
    ({"sampling": {"max_new_tokens": 0}}, "INVALID_FIELD", "config.sampling.max_new_tokens", ["8192", "0"]),
    ({"commit_policy": 9}, "INVALID_FIELD", "config.commit_policy", ["COMMIT_POLICY_FLUSH", "9"]),
    ({"segment_gap_ms": 10_001}, "INVALID_FIELD", "config.segment_gap_ms", ["10000", "10001"]),
    ({"instructions": "x" * 4097}, "INVALID_FIELD", "config.instructions", ["4096", "4097"]),
    ({"language": "tlh"}, "INVALID_FIELD", "config.language", ["tlh", "en"]),
    ({"references": [{}]}, "UNSUPPORTED_FEATURE", "config.references", ["scripted-tts"]),
    ({"word_times": True}, "UNSUPPORTED_FEATURE", "config.word_times", ["scripted-tts"]),
    ({"options": {"odd": {"int_value": 1}}}, "INVALID_FIELD", "config.options", ["odd"]),
    ({"speakers": [{"speaker": 16}]}, "INVALID_FIELD", "config.speakers[0].speaker", ["15", "16"]),
    ({"speakers": [{"speaker": 1}, {"speaker": 1}]}, "INVALID_FIELD", "config.speakers[1].speaker", ["1"]),
]


async def test_bad_synthesis_configs_are_refused_by_both_calls_before_anything_starts():
    async with running_front() as front:
        for config, reason, field, words in SPEECH_CONFIGS:
            once = await speak_once(front, **config)
            stream = front.synthesis.Synthesize()
            streamed = await refused(stream, speech_pb.SynthesizeRequest(config=speech_pb.SynthesisConfig(**config)))
            for found in (once, streamed):
                assert found.reason == reason, config
                assert found.fields == [field or "config.model"], config
                assert all(word in found.message for word in words), (words, found.message)
        await check_good_call(front)


LISTEN_CONFIGS = [
    ({"model": "tts-1"}, "UNKNOWN_MODEL", "config.model", ["tts-1"]),
    ({"format": {"encoding": 77}}, "UNSUPPORTED_FORMAT", "config.format.encoding", ["77"]),
    ({"format": {"sample_rate_hz": 96_000}}, "INVALID_FIELD", "config.format.sample_rate_hz", ["48000", "96000"]),
    ({"language": "xx"}, "INVALID_FIELD", "config.language", ["xx"]),
    ({"prompt": "p" * 4097}, "INVALID_FIELD", "config.prompt", ["4096", "4097"]),
    ({"key_words": ["w"] * 257}, "INVALID_FIELD", "config.key_words", ["256", "257"]),
    ({"temperature": 1.5}, "INVALID_FIELD", "config.temperature", ["1", "1.5"]),
    ({"temperature": math.nan}, "INVALID_FIELD", "config.temperature", ["nan"]),
    ({"partial_interval_ms": 99}, "INVALID_FIELD", "config.partial_interval_ms", ["100", "99"]),
    ({"endpoint": {"silence_ms": 99}}, "INVALID_FIELD", "config.endpoint.silence_ms", ["100", "99"]),
    ({"endpoint": {"threshold": math.nan}}, "INVALID_FIELD", "config.endpoint.threshold", ["nan"]),
    ({"endpoint": {"mode": 5}}, "INVALID_FIELD", "config.endpoint.mode", ["ENDPOINT_MODE_MANUAL", "5"]),
    ({"task": listen_pb.TRANSCRIPTION_TASK_TRANSLATE}, "UNSUPPORTED_FEATURE", "config.task", ["scripted-stt"]),
]


async def test_bad_transcription_configs_are_refused_by_both_calls():
    async with running_front() as front:
        for config, reason, field, words in LISTEN_CONFIGS:
            once = await listen_once(front, wav(voice(100)), **config)
            stream = front.transcription.Transcribe()
            streamed = await refused(
                stream, listen_pb.TranscribeRequest(config=listen_pb.TranscriptionConfig(**config))
            )
            for found in (once, streamed):
                assert (found.reason, found.fields) == (reason, [field]), config
                assert all(word in found.message for word in words), (words, found.message)
        await check_good_call(front)


TALK_CONFIGS = [
    ({"scenario_id": "mars"}, "NOT_FOUND", "config.scenario_id", ["mars", "daily"]),
    ({"chat_model": "gpt-99"}, "UNKNOWN_MODEL", "config.chat_model", ["gpt-99"]),
    ({"history": [{"role": 2, "text": "x"}] * 257}, "INVALID_FIELD", "config.history", ["256", "257"]),
    ({"history": [{"role": 2, "text": "x" * 30_000}] * 3}, "INVALID_FIELD", "config.history", ["65536", "90000"]),
    ({"history": [{"role": 2, "text": "x" * 32_769}]}, "INVALID_FIELD", "config.history[0].text", ["32768", "32769"]),
    ({"history": [{"role": 0, "text": "x"}]}, "INVALID_FIELD", "config.history[0].role", ["ITEM_ROLE_USER", "0"]),
    ({"history": [{"role": 2, "text": " "}]}, "INVALID_FIELD", "config.history[0].text", ["blank"]),
    ({"chat_sampling": {"temperature": 2.1}}, "INVALID_FIELD", "config.chat_sampling.temperature", ["2", "2.1"]),
    ({"chat_sampling": {"top_p": math.nan}}, "INVALID_FIELD", "config.chat_sampling.top_p", ["nan"]),
    ({"chat_sampling": {"max_tokens": 0}}, "INVALID_FIELD", "config.chat_sampling.max_tokens", ["32768", "0"]),
    ({"instructions": "x" * 32_769}, "INVALID_FIELD", "config.instructions", ["32768", "32769"]),
    ({"synthesis": {"voice": "nobody"}}, "UNKNOWN_VOICE", "config.synthesis.voice", ["nobody"]),
    (
        {"transcription": {"format": {"encoding": audio_pb2.AUDIO_ENCODING_CONTAINER}}},
        "UNSUPPORTED_FORMAT",
        "config.transcription.format.encoding",
        ["CONTAINER", "WAV"],
    ),
    ({"transcription": {"language": "xx"}}, "INVALID_FIELD", "config.transcription.language", ["xx"]),
    ({"turn_detection": {"mode": 2}}, "UNSUPPORTED_FEATURE", "config.turn_detection.mode", ["end_turn"]),
    ({"tools": [{"name": "x"}]}, "UNSUPPORTED_FEATURE", "config.tools", []),
    ({"resume_token": "x"}, "UNSUPPORTED_FEATURE", "config.resume_token", []),
]


async def test_bad_conversation_configs_are_refused():
    async with running_front() as front:
        for config, reason, field, words in TALK_CONFIGS:
            request = talk_pb.ConverseRequest(config=talk_pb.ConversationConfig(**config))
            found = await refused(front.conversation.Converse(), request)
            assert (found.reason, found.fields) == (reason, [field]), config
            assert all(word in found.message for word in words), (words, found.message)
        await check_good_call(front)


async def test_texts_of_a_conversation_are_measured_in_bytes():
    fits, exceeds = "ä" * 16_384, "ä" * 16_384 + "x"
    async with running_front() as front:
        for path, message in (
            ("config.instructions", {"config": {"instructions": exceeds}}),
            ("config.history[0].text", {"config": {"history": [{"role": 2, "text": exceeds}]}}),
            ("update.instructions", {"update": {"instructions": exceeds}}),
            ("create_response.instructions", {"create_response": {"instructions": exceeds}}),
        ):
            before = [] if "config" in message else [TALK]
            found = await refused(front.conversation.Converse(), *before, talk_pb.ConverseRequest(**message))
            assert (found.reason, found.fields) == ("INVALID_FIELD", [path])
            assert "32768 bytes" in found.message
            assert "32769" in found.message
        call = front.conversation.Converse()
        config = {"instructions": fits, "history": [{"role": 2, "text": fits}]}
        await call.write(talk_pb.ConverseRequest(config=config))
        await call.write(talk_pb.ConverseRequest(update={"instructions": fits}))
        await call.done_writing()
        assert [response.WhichOneof("event") async for response in call] == ["started"]


TURN_DETECTIONS = [
    ({"eagerness": 2.0}, "INVALID_FIELD", "eagerness", ["0 to 1", "2"]),
    ({"eagerness": -1.0}, "INVALID_FIELD", "eagerness", ["0 to 1", "-1"]),
    ({"eagerness": math.nan}, "INVALID_FIELD", "eagerness", ["0 to 1", "nan"]),
    ({"mode": 9}, "INVALID_FIELD", "mode", ["TURN_MODE_MANUAL", "9"]),
    ({"endpoint": {"mode": 5}}, "INVALID_FIELD", "endpoint.mode", ["ENDPOINT_MODE_MANUAL", "5"]),
    ({"endpoint": {"threshold": 3.0}}, "INVALID_FIELD", "endpoint.threshold", ["0 to 1", "3"]),
    ({"endpoint": {"silence_ms": 5}}, "INVALID_FIELD", "endpoint.silence_ms", ["100 to 10000", "5"]),
    ({"endpoint": {"prefix_padding_ms": 2001}}, "INVALID_FIELD", "endpoint.prefix_padding_ms", ["0 to 2000", "2001"]),
    ({"endpoint": {"min_speech_ms": -1}}, "INVALID_FIELD", "endpoint.min_speech_ms", ["0 to 5000", "-1"]),
    ({"create_response": False}, "UNSUPPORTED_FEATURE", "create_response", ["true", "false"]),
]


@pytest.mark.parametrize("path", ["config", "update"])
async def test_turn_detection_out_of_range_is_refused_in_a_config_and_an_update(path):
    async with running_front() as front:
        for detection, reason, field, words in TURN_DETECTIONS:
            message = talk_pb.ConverseRequest(**{path: {"turn_detection": detection}})
            before = [] if path == "config" else [TALK]
            found = await refused(front.conversation.Converse(), *before, message)
            assert (found.reason, found.fields) == (reason, [f"{path}.turn_detection.{field}"]), detection
            assert all(word in found.message for word in words), (words, found.message)
        await check_good_call(front)


def unused_fields(warnings) -> list[tuple[int, str]]:
    return [(warning.code, warning.field) for warning in warnings]


async def test_turn_detection_at_the_ends_of_its_ranges_is_taken_and_told_to_have_no_effect():
    least = {"threshold": 0.0, "silence_ms": 100, "prefix_padding_ms": 0, "min_speech_ms": 0}
    most = {"threshold": 1.0, "silence_ms": 10_000, "prefix_padding_ms": 2_000, "min_speech_ms": 5_000}
    async with running_front() as front:
        for endpoint, eagerness in ((least, 0.0), (most, 1.0)):
            detection = {"endpoint": endpoint, "eagerness": eagerness, "create_response": True}
            call = front.conversation.Converse()
            await call.write(talk_pb.ConverseRequest(config={"turn_detection": detection}))
            await call.write(talk_pb.ConverseRequest(update={"turn_detection": detection}))
            await call.done_writing()
            started, *late = [response async for response in call]
            names = ("turn_detection.endpoint", "turn_detection.eagerness")
            ignored = report_pb2.WARNING_CODE_FIELD_IGNORED
            assert unused_fields(started.started.warnings) == [(ignored, f"config.{name}") for name in names]
            assert unused_fields(entry.warning for entry in late) == [(ignored, f"update.{name}") for name in names]
            used = talk_pb.TurnDetection(mode=talk_pb.TURN_MODE_MANUAL, create_response=True)
            assert started.started.config.turn_detection == used


async def test_bad_messages_of_a_conversation_are_refused():
    messages = [
        ({"update": {"synthesis": {"voice": "nobody"}}}, "UNKNOWN_VOICE", "update.synthesis.voice"),
        ({"update": {"synthesis": {"speed": 9.0}}}, "INVALID_FIELD", "update.synthesis.speed"),
        ({"update": {"scenario_id": "mars"}}, "NOT_FOUND", "update.scenario_id"),
        ({"update": {"instructions": "x" * 32_769}}, "INVALID_FIELD", "update.instructions"),
        ({"update": {"turn_detection": {"mode": 2}}}, "UNSUPPORTED_FEATURE", "update.turn_detection.mode"),
        ({"update": {"barge_in": 2}}, "UNSUPPORTED_FEATURE", "update.barge_in"),
        ({"create_response": {"instructions": "x" * 32_769}}, "INVALID_FIELD", "create_response.instructions"),
        ({"text_turn": {"text": "x" * 32_769}}, "TEXT_TOO_LONG", "text_turn.text"),
        ({"audio": bytes(65_537)}, "INVALID_FIELD", "audio"),
    ]
    async with running_front() as front:
        for message, reason, field in messages:
            found = await refused(front.conversation.Converse(), TALK, talk_pb.ConverseRequest(**message))
            assert (found.reason, found.fields) == (reason, [field]), message
        await check_good_call(front)
