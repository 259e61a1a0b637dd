"""Small files that would be very long: refused while they are decoded, in memory that does not grow with them."""

import io
import resource

import av
import grpc
import numpy as np
import pytest

from antiphon.speech.v1 import audio_pb2
from antiphon.speech.v1 import transcription_service_pb2 as pb
from support.fronts import Refused, running_front

RATE_HZ = 8_000
MINUTE = np.zeros((1, 60 * RATE_HZ), "<i2")
MAX_AUDIO_MS = 120_000
MESSAGE_BYTES = 32_000
MAX_GROWTH_KIB = 65_536


class Stream(io.BytesIO):
    """A file that is not gone back in, so that its header does not say how long it is."""

    def seekable(self) -> bool:
        return False


def bomb(muxer: str, codec: str, num_minutes: int) -> bytes:
    file = Stream()
    with av.open(file, "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        for index in range(num_minutes):
            frame = av.AudioFrame.from_ndarray(MINUTE, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, index * MINUTE.size
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(("muxer", "codec", "num_minutes"), [("flac", "flac", 120), ("mp3", "libmp3lame", 8)])
async def test_a_bomb_is_refused_with_its_limit_and_leaves_no_memory_behind(muxer, codec, num_minutes):
    data = bomb(muxer, codec, num_minutes)
    decoded_bytes = num_minutes * MINUTE.size * 2
    assert len(data) < decoded_bytes / (50 if codec == "flac" else 1)
    config = {"format": {"encoding": audio_pb2.AUDIO_ENCODING_CONTAINER}}
    pieces = [data[at : at + MESSAGE_BYTES] for at in range(0, len(data), MESSAGE_BYTES)]
    async with running_front(max_audio_ms=MAX_AUDIO_MS) as front:
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        messages = [pb.TranscribeRequest(config=config), *(pb.TranscribeRequest(audio=piece) for piece in pieces)]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            [response async for response in front.transcription.Transcribe(iter(messages), timeout=60)]
        await front.settled()
    refused = Refused.of(caught.value)
    refused.check()
    assert (refused.reason, refused.fields) == ("AUDIO_TOO_LONG", ["audio"])
    assert "120 s" in refused.message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < MAX_GROWTH_KIB
