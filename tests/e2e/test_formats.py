"""Every format of one and the same speech: what other libraries decode, and what is understood of it."""

import io

import av
import numpy as np
import pytest
import requests
import soundfile

from antiphon.speech.v1 import audio_pb2
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from antiphon.speech.v1 import transcription_service_pb2 as listen_pb
from support.calls import LIMIT_S, Stubs, audio_of, calls_to
from support.speech import word_error_rate

pytestmark = pytest.mark.models
TEXT = (
    "The quick brown fox jumps over the lazy dog. It was a bright cold day in April. "
    "She bought seven apples, two lemons and a loaf of bread."
)
SEED = {"sampling": {"seed": 11}}
RATE_HZ = 24_000
MPEG_FRAME = 576
"""Samples a frame at 24 000 Hz."""
AAC_FRAME = 1_024
SURPLUS = {
    audio_pb2.AUDIO_ENCODING_PCM_S16LE: (0, 0),
    audio_pb2.AUDIO_ENCODING_WAV: (0, 0),
    audio_pb2.AUDIO_ENCODING_MULAW: (0, 0),
    audio_pb2.AUDIO_ENCODING_ALAW: (0, 0),
    audio_pb2.AUDIO_ENCODING_FLAC: (0, 0),
    audio_pb2.AUDIO_ENCODING_OGG_OPUS: (0, 0),
    audio_pb2.AUDIO_ENCODING_MP3: (0, MPEG_FRAME),
    # ADTS cannot say what to skip: a frame before the sound, for which a decoder has nothing to overlap it with, stays.
    audio_pb2.AUDIO_ENCODING_AAC: (AAC_FRAME, 2 * AAC_FRAME),
}
"""Least and most samples that are decoded beyond those spoken, in a stream that nobody knew the end of."""
RAW = {
    audio_pb2.AUDIO_ENCODING_PCM_S16LE: "s16le",
    audio_pb2.AUDIO_ENCODING_MULAW: "mulaw",
    audio_pb2.AUDIO_ENCODING_ALAW: "alaw",
}
UNDERSTOOD = [
    (audio_pb2.AUDIO_ENCODING_MP3, RATE_HZ),
    (audio_pb2.AUDIO_ENCODING_OGG_OPUS, RATE_HZ),
    (audio_pb2.AUDIO_ENCODING_AAC, RATE_HZ),
    (audio_pb2.AUDIO_ENCODING_FLAC, RATE_HZ),
    (audio_pb2.AUDIO_ENCODING_MULAW, 8_000),
    (audio_pb2.AUDIO_ENCODING_ALAW, 8_000),
]


def decoded(data: bytes, raw_format: str | None = None, rate_hz: int = RATE_HZ) -> tuple[np.ndarray, int]:
    """Decode as players of the ffmpeg family do: samples of 16 bits, and the channels there were."""
    options = {"sample_rate": str(rate_hz)} if raw_format else {}
    with av.open(io.BytesIO(data), format=raw_format, options=options) as file:
        (stream,) = file.streams
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
        frames = [*file.decode(stream), None]
        pieces = [piece.to_ndarray().reshape(-1) for frame in frames for piece in resampler.resample(frame)]
        return np.concatenate(pieces), stream.channels


async def heard(stubs: Stubs, data: bytes, encoding: int, rate_hz: int) -> str:
    """What the server understands of a file or of samples that it made."""
    is_live = encoding in RAW
    format_ = {"encoding": encoding if is_live else audio_pb2.AUDIO_ENCODING_CONTAINER, "sample_rate_hz": rate_hz}
    config = listen_pb.TranscriptionConfig(format=format_, language="en")
    request = listen_pb.TranscribeOnceRequest(audio=data, config=config)
    return (await stubs.transcription.TranscribeOnce(request, timeout=LIMIT_S)).text


@pytest.mark.parametrize("encoding", SURPLUS, ids=audio_pb2.AudioEncoding.Name)
async def test_a_stream_decodes_to_the_samples_that_were_spoken(server, encoding):
    async with calls_to(server) as stubs:
        spoken = np.frombuffer(await stubs.pcm(TEXT, RATE_HZ, **SEED), "<i2")
        answer = await stubs.speak([TEXT], format={"encoding": encoding}, **SEED)
    assert answer[-1].utterance_done.num_samples == len(spoken)
    samples, num_channels = decoded(audio_of(answer), RAW.get(encoding))
    least, most = SURPLUS[encoding]
    assert num_channels == 1
    assert least <= len(samples) - len(spoken) <= most
    sound = samples[least : least + len(spoken)].astype(float)
    likeness = np.dot(sound, spoken) / np.sqrt(np.dot(sound, sound) * np.dot(spoken.astype(float), spoken))
    assert likeness > (0.999 if most == 0 and encoding != audio_pb2.AUDIO_ENCODING_OGG_OPUS else 0.9)


async def test_every_format_is_understood_as_well_as_wav(server):
    async with calls_to(server) as stubs:
        wav = audio_of(await stubs.speak_once(TEXT, format={"encoding": audio_pb2.AUDIO_ENCODING_WAV}, **SEED))
        of_wav = word_error_rate(TEXT, await heard(stubs, wav, audio_pb2.AUDIO_ENCODING_WAV, RATE_HZ))
        assert of_wav <= 0.1
        for encoding, rate_hz in UNDERSTOOD:
            answer = await stubs.speak_once(TEXT, format={"encoding": encoding, "sample_rate_hz": rate_hz}, **SEED)
            found = await heard(stubs, audio_of(answer), encoding, rate_hz)
            name = (audio_pb2.AudioEncoding.Name(encoding), rate_hz, found)
            assert word_error_rate(TEXT, found) <= of_wav + 0.04, name


async def test_each_utterance_of_a_call_is_a_file_of_its_own(server):
    async with calls_to(server) as stubs:
        for encoding in (e for e in SURPLUS if e not in RAW):
            messages = [
                speech_pb.SynthesizeRequest(config={"format": {"encoding": encoding}, **SEED}),
                speech_pb.SynthesizeRequest(text={"text": "Good morning."}),
                speech_pb.SynthesizeRequest(flush={}),
                speech_pb.SynthesizeRequest(text={"text": "Good night."}),
            ]
            answer = [response async for response in stubs.synthesis.Synthesize(iter(messages), timeout=LIMIT_S)]
            ended = [response.utterance_done for response in answer if response.HasField("utterance_done")]
            assert len(ended) == 2
            for done in ended:
                samples, _ = decoded(audio_of(r for r in answer if r.audio.utterance_id == done.utterance_id))
                least, most = SURPLUS[encoding]
                assert least <= len(samples) - done.num_samples <= most


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "opus"])
def test_whole_files_over_http_have_exactly_the_samples_that_were_spoken(compat, name):
    def spoken(response_format: str) -> bytes:
        body = {"input": "Good morning to you.", "voice": "alloy", "seed": 11, "response_format": response_format}
        answer = requests.post(f"{compat.http_url}/v1/audio/speech", json=body, timeout=LIMIT_S)
        assert answer.status_code == 200
        return answer.content

    num_samples = len(spoken("pcm")) // 2
    with soundfile.SoundFile(io.BytesIO(spoken(name))) as file:
        assert (file.samplerate, file.channels, len(file.read())) == (RATE_HZ, 1, num_samples)
