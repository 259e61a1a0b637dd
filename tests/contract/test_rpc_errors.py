"""Bad input over gRPC: one clear error naming field, limit and value, and the next call is served."""

import asyncio
import io
import zipfile

import av
import grpc
import numpy as np
import pytest

from antiphon.speech.v1 import audio_pb2
from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from antiphon.speech.v1 import model_service_pb2 as model_pb
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from antiphon.speech.v1 import transcription_service_pb2 as listen_pb
from antiphon.speech.v1 import voice_service_pb2 as voice_pb
from antiphon_server.errors import EngineRestarting, ModelNotInstalled, NotReady
from support.fronts import running_front, scripted_engines
from support.refusals import CONFIG, LISTEN, TALK, check_good_call, listen_once, refused, speak_once, wav
from support.scripted import SpeechScript
from support.sessions import silence, voice


def webm() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        samples = (np.sin(np.arange(96_000) / 20) * 8000).astype("<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("speech.wav", wav(voice(100)))
    return file.getvalue()


@pytest.mark.parametrize("text", ["", " \n\t", "...", "!!! 😀", "<|emotion:awe|>", "<|prosody:pause|>"])
async def test_blank_text_is_refused_by_every_call(text):
    async with running_front() as front:
        explained = front.synthesis.ExplainSynthesis(speech_pb.ExplainSynthesisRequest(text=text))
        for found in (await speak_once(front, text), await refused(explained)):
            assert (found.reason, found.fields) == ("TEXT_EMPTY", ["text"])
        if text:
            message = speech_pb.SynthesizeRequest(text=speech_pb.TextInput(text=text))
            found = await refused(front.synthesis.Synthesize(), CONFIG, message)
            assert (found.reason, found.fields) == ("TEXT_EMPTY", ["text"])
        await check_good_call(front)


async def test_text_over_the_limit_names_limit_and_size():
    async with running_front(max_text_bytes=1024, max_once_text_bytes=2048) as front:
        message = speech_pb.SynthesizeRequest(text=speech_pb.TextInput(text="ä" * 513))
        found = await refused(front.synthesis.Synthesize(), CONFIG, message)
        assert (found.reason, found.fields) == ("TEXT_TOO_LONG", ["text.text"])
        assert "1024 bytes" in found.message
        assert "1026" in found.message
        found = await speak_once(front, "a" * 2049)
        assert (found.reason, found.fields) == ("TEXT_TOO_LONG", ["text"])
        assert "2048 bytes" in found.message
        await check_good_call(front)


async def test_a_whole_text_longer_than_what_may_wait_is_spoken():
    async with running_front(
        scripted_engines(SpeechScript(chunks_per_character=0.01)), max_pending_characters=1024
    ) as front:
        request = speech_pb.SynthesizeOnceRequest(text="This is a sentence. " * 200)
        kinds = [
            response.WhichOneof("response") async for response in front.synthesis.SynthesizeOnce(request, timeout=10)
        ]
        assert kinds[-1] == "utterance_done"


@pytest.mark.parametrize("rpc", ["Synthesize", "Transcribe", "Converse"])
async def test_config_must_come_first_once_and_in_time(rpc):
    async with running_front(config_timeout_ms=100) as front:
        service, request, config, other = {
            "Synthesize": (front.synthesis, speech_pb.SynthesizeRequest, CONFIG, {"flush": {}}),
            "Transcribe": (front.transcription, listen_pb.TranscribeRequest, LISTEN, {"audio": b"ab"}),
            "Converse": (front.conversation, talk_pb.ConverseRequest, TALK, {"audio": b"ab"}),
        }[rpc]
        call = getattr(service, rpc)
        late = await refused(call())
        assert (late.reason, late.fields) == ("CONFIG_FIRST", ["config"])
        assert "100 ms" in late.message
        for first in (request(**other), request()):
            found = await refused(call(), first)
            assert (found.reason, found.fields) == ("CONFIG_FIRST", ["config"])
        closed = call()
        await closed.done_writing()
        assert (await refused(closed)).reason == "CONFIG_FIRST"
        twice = await refused(call(), config, config)
        assert (twice.reason, twice.fields) == ("STREAM_ORDER", ["config"])
        empty = await refused(call(), config, request())
        assert (empty.reason, empty.fields) == ("STREAM_ORDER", ["request"])
        await check_good_call(front)


async def test_a_second_config_is_told_what_this_call_has_instead():
    async with running_front() as front:
        for call, config, way in (
            (front.synthesis.Synthesize(), CONFIG, "use update"),
            (front.transcription.Transcribe(), LISTEN, "make another call"),
            (front.conversation.Converse(), TALK, "use update"),
        ):
            found = await refused(call, config, config)
            assert (found.reason, found.fields) == ("STREAM_ORDER", ["config"])
            assert found.message == f"config must be sent once, as the first message; {way} to change it"


async def test_nothing_may_follow_finish():
    async with running_front(scripted_engines(SpeechScript(wait_at_chunk=1))) as front:
        text = speech_pb.SynthesizeRequest(text={"text": "This is still being spoken."})
        finish = speech_pb.SynthesizeRequest(finish={})
        found = await refused(front.synthesis.Synthesize(), CONFIG, text, finish, finish)
        assert found.reason == "STREAM_ORDER"


async def test_audio_that_is_no_audio_is_refused_for_what_it_is():
    container = {"format": {"encoding": audio_pb2.AUDIO_ENCODING_CONTAINER}}
    wav_format = {"format": {"encoding": audio_pb2.AUDIO_ENCODING_WAV}}
    pcm_format = {"format": {"encoding": audio_pb2.AUDIO_ENCODING_PCM_S16LE}}
    whole = wav(voice(1000))
    cases = [
        (b"", {}, "0 bytes"),
        (zipped(), container, "kind"),
        (webm()[:-1500], container, ""),
        (whole[:-2000], container, "truncated"),
        (whole[:-2000], wav_format, ""),
        (zipped(), wav_format, ""),
        (whole[:20], wav_format, ""),
        (b"abc", pcm_format, "3 bytes"),
    ]
    async with running_front() as front:
        for audio, config, word in cases:
            found = await listen_once(front, audio, **config)
            assert (found.reason, found.fields) == ("BAD_AUDIO", ["audio"])
            assert word in found.message
            request = listen_pb.TranscribeRequest(config=listen_pb.TranscriptionConfig(**config))
            if audio and config:
                message = listen_pb.TranscribeRequest(audio=audio[:60_000])
                found = await refused(front.transcription.Transcribe(), request, message)
                assert (found.reason, found.fields) == ("BAD_AUDIO", ["audio"])
        await check_good_call(front)


async def test_audio_over_a_limit_names_it():
    limits = {"max_audio_ms": 1000, "max_audio_message_bytes": 1024, "max_once_audio_bytes": 40_000}
    async with running_front(max_upload_bytes=40_000, **limits) as front:
        found = await listen_once(front, wav(voice(1100)))
        assert (found.reason, found.fields) == ("AUDIO_TOO_LONG", ["audio"])
        assert "1 s" in found.message
        found = await listen_once(front, bytes(40_001))
        assert (found.reason, found.fields) == ("BODY_TOO_LARGE", ["audio"])
        assert "40000" in found.message
        assert "40001" in found.message
        found = await refused(front.transcription.Transcribe(), LISTEN, listen_pb.TranscribeRequest(audio=bytes(1025)))
        assert (found.reason, found.fields) == ("INVALID_FIELD", ["audio"])
        assert "1024" in found.message
        assert "1025" in found.message
        second = [listen_pb.TranscribeRequest(audio=bytes(1000))] * 33
        found = await refused(front.transcription.Transcribe(), LISTEN, *second)
        assert (found.reason, found.fields) == ("AUDIO_TOO_LONG", ["audio"])
        whole = listen_pb.TranscriptionConfig(format={"encoding": audio_pb2.AUDIO_ENCODING_CONTAINER})
        pieces = [listen_pb.TranscribeRequest(audio=bytes(1000))] * 41
        found = await refused(front.transcription.Transcribe(), listen_pb.TranscribeRequest(config=whole), *pieces)
        assert (found.reason, found.fields) == ("BODY_TOO_LARGE", ["audio"])
        assert "40000" in found.message
        await check_good_call(front)


async def test_silence_is_no_error_and_gives_empty_text():
    async with running_front() as front:
        answer = await front.transcription.TranscribeOnce(listen_pb.TranscribeOnceRequest(audio=wav(silence(1000))))
        assert (answer.text, answer.no_speech, answer.audio_ms) == ("", True, 1000)


async def test_lists_check_their_pages_and_names():
    async with running_front(is_strict=True) as front:
        for request in ({"page_size": 1001}, {"page_size": -1}):
            found = await refused(front.voices.ListVoices(voice_pb.ListVoicesRequest(**request)))
            assert (found.reason, found.fields) == ("INVALID_FIELD", ["page_size"])
            assert "1000" in found.message
        found = await refused(front.voices.GetVoice(voice_pb.GetVoiceRequest(voice="nobody")))
        assert (found.reason, found.fields) == ("NOT_FOUND", ["voice"])
        found = await refused(front.models.GetModel(model_pb.GetModelRequest(model="gpt-99")))
        assert (found.reason, found.fields) == ("UNKNOWN_MODEL", ["model"])
        found = await speak_once(front, model="tts-1")
        assert found.reason == "UNKNOWN_MODEL", "aliases are refused by a strict server"


async def test_page_tokens_are_taken_if_they_were_given_out_and_refused_if_not():
    async with running_front() as front:
        whole = await front.models.ListModels(model_pb.ListModelsRequest())
        first = await front.models.ListModels(model_pb.ListModelsRequest(page_size=1))
        rest = await front.models.ListModels(model_pb.ListModelsRequest(page_token=first.next_page_token))
        assert [*first.models, *rest.models] == list(whole.models)
        for token in ("next", "999", "0", "01", "-1", str(len(whole.models)), "9" * 10, "\u0661"):
            models = front.models.ListModels(model_pb.ListModelsRequest(page_token=token))
            voices = front.voices.ListVoices(voice_pb.ListVoicesRequest(page_token=token))
            for found in (await refused(models), await refused(voices)):
                assert (found.reason, found.fields) == ("INVALID_FIELD", ["page_token"])
                assert repr(token) in found.message


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (NotReady("the model is warming up", retry_after_s=2.0), grpc.StatusCode.UNAVAILABLE, "NOT_READY"),
        (EngineRestarting("it died", retry_after_s=2.0), grpc.StatusCode.UNAVAILABLE, "ENGINE_RESTARTING"),
        (ModelNotInstalled("it is missing"), grpc.StatusCode.FAILED_PRECONDITION, "MODEL_NOT_INSTALLED"),
    ],
)
async def test_a_model_that_does_not_answer_refuses_its_own_calls_only(error, code, reason):
    engines = scripted_engines()
    async with running_front(engines) as front:
        engines.refusals["synthesizer"] = error
        for found in (await speak_once(front), await refused(front.conversation.Converse(), TALK)):
            assert (found.code, found.reason) == (code, reason)
            assert found.retry_after_s == error.retry_after_s
        audio = listen_pb.TranscribeOnceRequest(audio=wav(voice(300)))
        assert (await front.transcription.TranscribeOnce(audio)).text == "hello world"
        engines.refusals.clear()
        await check_good_call(front)


@pytest.mark.parametrize("kind", ["synthesis", "transcription"])
async def test_finish_ends_the_call_without_a_half_close(kind):
    async with running_front() as front:
        if kind == "synthesis":
            call, config, finish = front.synthesis.Synthesize(), CONFIG, speech_pb.SynthesizeRequest(finish={})
        else:
            call, config, finish = front.transcription.Transcribe(), LISTEN, listen_pb.TranscribeRequest(finish={})
        await call.write(config)
        await call.write(finish)
        async with asyncio.timeout(10):
            kinds = [response.WhichOneof("response") async for response in call]
        assert kinds[0] == "started"
        assert await call.code() is grpc.StatusCode.OK
        await front.settled()
