"""Speech over gRPC from a real server with the embedded models."""

import io

import grpc
import numpy as np
import pytest
import soundfile

from antiphon.speech.v1 import audio_pb2
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from support.calls import audio_of, calls_to
from support.speech import word_error_rate

pytestmark = pytest.mark.models
TEXT = "The quick brown fox jumps over the lazy dog. It was a bright cold day in April."
SEED = {"sampling": {"seed": 11}}


def seconds(pcm: bytes, rate_hz: int) -> float:
    return len(pcm) / 2 / rate_hz


def pitch_hz(pcm: bytes, rate_hz: int) -> float:
    """Median pitch of the voiced parts, by autocorrelation."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    found = []
    size = rate_hz // 20
    for start in range(0, len(samples) - size, size):
        frame = samples[start : start + size]
        if np.sqrt(np.mean(frame**2)) < 1000:
            continue
        correlation = np.correlate(frame, frame, "full")[size - 1 :]
        low, high = rate_hz // 400, rate_hz // 80
        lag = low + int(np.argmax(correlation[low:high]))
        if correlation[lag] > 0.5 * correlation[0]:
            found.append(rate_hz / lag)
    return float(np.median(found))


async def test_what_is_spoken_can_be_understood(server):
    async with calls_to(server) as stubs:
        heard = await stubs.write_down(await stubs.pcm(TEXT, **SEED))
        assert word_error_rate(TEXT, heard) <= 0.1


async def test_the_first_sentence_is_spoken_before_the_second_is_sent(server):
    async with calls_to(server) as stubs:
        call = stubs.synthesis.Synthesize(timeout=30)
        await call.write(speech_pb.SynthesizeRequest(config=speech_pb.SynthesisConfig(**SEED)))
        await call.write(speech_pb.SynthesizeRequest(text={"text": "This is the first sentence. And this is"}))
        while not (response := await call.read()).HasField("audio"):
            assert response is not grpc.aio.EOF
        first = [response]
        await call.write(speech_pb.SynthesizeRequest(text={"text": " the second."}))
        await call.done_writing()
        while (response := await call.read()) is not grpc.aio.EOF:
            first.append(response)
        whole = await stubs.pcm("This is the first sentence. And this is the second.", 24_000, **SEED)
        assert audio_of(first) == whole


async def test_however_the_text_comes_the_bytes_are_the_same(server):
    async with calls_to(server) as stubs:
        once = await stubs.speak_once(TEXT, **SEED)
        streamed = await stubs.speak([TEXT], **SEED)
        cut = await stubs.speak(list(TEXT), **SEED)
        assert audio_of(once) == audio_of(streamed) == audio_of(cut)
        tokens = {response[-1].utterance_done.replay_token for response in (once, streamed, cut)}
        assert len(tokens) == 1
        other = await stubs.speak_once(TEXT, sampling={"seed": 12})
        assert audio_of(other) != audio_of(once)
        assert other[-1].utterance_done.replay_token not in tokens
        assert other[-1].utterance_done.seed == 12


FORMATS = [
    *((audio_pb2.AUDIO_ENCODING_PCM_S16LE, rate_hz) for rate_hz in (8_000, 16_000, 24_000, 44_100, 48_000)),
    *((audio_pb2.AUDIO_ENCODING_WAV, rate_hz) for rate_hz in (8_000, 16_000, 24_000, 44_100, 48_000)),
    *((audio_pb2.AUDIO_ENCODING_MULAW, rate_hz) for rate_hz in (8_000, 16_000)),
    *((audio_pb2.AUDIO_ENCODING_ALAW, rate_hz) for rate_hz in (8_000, 48_000)),
    *((audio_pb2.AUDIO_ENCODING_MP3, rate_hz) for rate_hz in (8_000, 16_000, 24_000, 44_100, 48_000)),
]
RAW = {
    audio_pb2.AUDIO_ENCODING_PCM_S16LE: "PCM_16",
    audio_pb2.AUDIO_ENCODING_MULAW: "ULAW",
    audio_pb2.AUDIO_ENCODING_ALAW: "ALAW",
}


async def test_every_format_at_every_rate_decodes_to_the_same_speech(server):
    async with calls_to(server) as stubs:
        length_s = seconds(await stubs.pcm("Good morning.", 24_000, **SEED), 24_000)
        for encoding, rate_hz in FORMATS:
            answer = await stubs.speak_once(
                "Good morning.", format={"encoding": encoding, "sample_rate_hz": rate_hz}, **SEED
            )
            name = (audio_pb2.AudioEncoding.Name(encoding), rate_hz)
            raw = {"format": "RAW", "subtype": RAW.get(encoding), "channels": 1, "samplerate": rate_hz}
            samples, found_hz = soundfile.read(io.BytesIO(audio_of(answer)), **(raw if encoding in RAW else {}))
            assert found_hz == rate_hz, name
            # MP3 has whole frames only, and a delay of its encoder in front.
            slack_s = 2400 / rate_hz if encoding == audio_pb2.AUDIO_ENCODING_MP3 else 0.002
            assert len(samples) / rate_hz == pytest.approx(length_s, abs=slack_s), name
            assert answer[-1].utterance_done.num_samples / rate_hz == pytest.approx(length_s, abs=0.002), name
            assert 0.01 < float(np.sqrt(np.mean(samples**2))) < 0.5, name
            assert answer[0].started.sample_rate_hz == rate_hz


async def test_speed_and_pitch_do_what_they_say(server):
    async with calls_to(server) as stubs:
        plain = await stubs.pcm(TEXT, 24_000, **SEED)
        for tag, low, high in (("speed_slow", 1.08, 1.3), ("speed_fast", 0.72, 0.93), ("speed_very_fast", 0.6, 0.82)):
            changed = await stubs.pcm(f"<|prosody:{tag}|>{TEXT}", 24_000, **SEED)
            assert low < len(changed) / len(plain) < high, tag
        assert 0.42 < len(await stubs.pcm(TEXT, 24_000, speed=2.0, **SEED)) / len(plain) < 0.62
        base_hz = pitch_hz(plain, 24_000)
        for tag, low, high in (("pitch_low", 0.75, 0.93), ("pitch_high", 1.07, 1.3)):
            changed = await stubs.pcm(f"<|prosody:{tag}|>{TEXT}", 24_000, **SEED)
            assert low < pitch_hz(changed, 24_000) / base_hz < high, tag


async def test_a_pause_adds_exactly_its_length(server):
    async with calls_to(server) as stubs:
        with_pause = await stubs.pcm("One two three. <|prosody:pause|>Four five six.", 24_000, **SEED)
        without = await stubs.pcm("One two three. <|emotion:awe|>Four five six.", 24_000, **SEED)
        assert (len(with_pause) - len(without)) // 2 == 24_000 * 550 // 1000


async def test_a_cancel_is_answered_with_a_receipt_and_nothing_follows(server):
    async with calls_to(server) as stubs:
        call = stubs.synthesis.Synthesize(timeout=30)
        await call.write(speech_pb.SynthesizeRequest(config=speech_pb.SynthesisConfig(**SEED)))
        await call.write(speech_pb.SynthesizeRequest(text={"text": f"{TEXT} " * 50}))
        while not (response := await call.read()).HasField("audio"):
            assert response is not grpc.aio.EOF
        utterance_id = response.audio.utterance_id
        await call.write(speech_pb.SynthesizeRequest(cancel={"utterance_id": utterance_id}))
        sent = response.audio.num_samples
        while not (response := await call.read()).HasField("cancelled"):
            sent += response.audio.num_samples
        receipt = response.cancelled
        assert receipt.samples_generated >= receipt.samples_sent == sent
        assert receipt.engine_stopped_after_ms < 500
        await call.write(speech_pb.SynthesizeRequest(text={"text": "Now something else."}))
        await call.done_writing()
        later = []
        while (response := await call.read()) is not grpc.aio.EOF:
            later.append(response)
        assert all(r.audio.utterance_id != utterance_id for r in later if r.HasField("audio"))
        assert later[-1].HasField("utterance_done")


async def test_explaining_says_what_would_be_spoken(server):
    async with calls_to(server) as stubs:
        request = speech_pb.ExplainSynthesisRequest(text="Hi there. <|prosody:pause|>Bye <|mood:odd|> now.")
        answer = await stubs.synthesis.ExplainSynthesis(request)
        assert [segment.pause_before_ms for segment in answer.segments] == [0, 550]
        assert len(answer.warnings) == 1
        assert answer.model == "hibari"


async def test_letters_that_are_not_read_are_explained_in_the_words_of_the_call(server):
    text = "Say hello. The word λόγος is Greek. Привет is Russian."
    async with calls_to(server) as stubs:
        explained = await stubs.synthesis.ExplainSynthesis(speech_pb.ExplainSynthesisRequest(text=text))
        said = [response.warning for response in await stubs.speak([text]) if response.HasField("warning")]
    assert [each.message[:12] for each in explained.warnings] == ["5 characters", "6 characters"]
    assert [(each.code, each.message) for each in explained.warnings] == [(each.code, each.message) for each in said]
