"""Pipecat's OpenAI services in a pipeline against two addresses, in Pipecat's own environment; prints JSON.

python pipecat_services.py http://127.0.0.1:8000/v1 "What to say." http://127.0.0.1:8001/v1

The second is of a server that fails as it is told (obedient_peer.py).
"""

import asyncio
import json
import sys

from loguru import logger
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import VALID_VOICES, OpenAITTSService
from pipecat.tests.utils import run_test

RATE_HZ = 24_000
CHUNK_BYTES = RATE_HZ // 50 * 2
START_LIMIT_S = 60.0


async def passed(service: FrameProcessor, *frames: Frame) -> list[Frame]:
    """Send frames through a pipeline that holds only this service; all that came out of it."""
    rates = PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ)
    down, up = await run_test(service, frames_to_send=frames, pipeline_params=rates, start_timeout=START_LIMIT_S)
    return [*down, *up]


async def spoken(address: dict[str, str], text: str, voice: str) -> dict[str, object]:
    service = OpenAITTSService(**address, settings=OpenAITTSService.Settings(voice=voice))
    frames = await passed(service, TTSSpeakFrame(text))
    audio = [frame for frame in frames if isinstance(frame, TTSAudioRawFrame)]
    return {
        "pcm": b"".join(frame.audio for frame in audio),
        "shapes": sorted({(frame.sample_rate, frame.num_channels) for frame in audio}),
        "errors": [frame.error for frame in frames if isinstance(frame, ErrorFrame)],
    }


async def heard(address: dict[str, str], pcm: bytes, **settings: object) -> dict[str, object]:
    probabilities = bool(settings.pop("include_prob_metrics", False))
    service = OpenAISTTService(
        **address, include_prob_metrics=probabilities, settings=OpenAISTTService.Settings(**settings)
    )
    pieces = [InputAudioRawFrame(pcm[at : at + CHUNK_BYTES], RATE_HZ, 1) for at in range(0, len(pcm), CHUNK_BYTES)]
    frames = await passed(service, VADUserStartedSpeakingFrame(), *pieces, VADUserStoppedSpeakingFrame())
    return {
        "texts": [frame.text for frame in frames if isinstance(frame, TranscriptionFrame)],
        "errors": [frame.error for frame in frames if isinstance(frame, ErrorFrame)],
    }


async def main(base_url: str, text: str, failing_url: str) -> dict[str, object]:
    address = {"base_url": base_url, "api_key": "none"}
    whole = await spoken(address, text, "alloy")
    pcm = whole.pop("pcm")
    greetings = {voice: await spoken(address, "Hello.", voice) for voice in sorted(VALID_VOICES)}
    return {
        "spoken": {**whole, "duration_s": len(pcm) / 2 / RATE_HZ},
        "voices": {name: {**said, "pcm": len(said["pcm"])} for name, said in greetings.items()},
        "heard": {
            "defaults": await heard(address, pcm),
            "hints": await heard(address, pcm, prompt="Plants.", temperature=0.0, keywords=["balcony"]),
            "probabilities": await heard(address, pcm, model="whisper-1", include_prob_metrics=True),
        },
        "failed": await fail(failing_url),
    }


async def fail(base_url: str) -> dict[str, object]:
    """Speak to a server that does as told."""
    address = {"base_url": base_url, "api_key": "none"}
    said = {text: await spoken(address, text, "alloy") for text in ("INVALID_FIELD", "BREAK")}
    return {text: {"num_bytes": len(answer["pcm"]), "errors": answer["errors"]} for text, answer in said.items()}


if __name__ == "__main__":
    logger.remove()
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
