"""Calls that have to fail, and the good call after them."""

import io
import wave
from typing import Any

import grpc

from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from antiphon.speech.v1 import transcription_service_pb2 as listen_pb
from support.fronts import Refused, RunningFront
from support.sessions import voice

CONFIG = speech_pb.SynthesizeRequest(config=speech_pb.SynthesisConfig())
LISTEN = listen_pb.TranscribeRequest(config=listen_pb.TranscriptionConfig())
TALK = talk_pb.ConverseRequest(config=talk_pb.ConversationConfig())


async def refused(call: Any, *requests: Any) -> Refused:
    """Make a call of any kind that has to fail, and then one that has to work."""
    try:
        if requests and not isinstance(requests[0], bytes):
            for request in requests:
                await call.write(request)
            await call.done_writing()
        if hasattr(call, "read"):
            while await call.read() is not grpc.aio.EOF:
                pass
            raise AssertionError(f"the call ended with {await call.code()}")
        await call
    except grpc.aio.AioRpcError as error:
        found = Refused.of(error)
        found.check()
        return found
    except (grpc.aio.UsageError, grpc.RpcError):
        pass
    raise AssertionError("the call did not fail")


async def speak_once(front: RunningFront, text: str = "Hello.", **config: Any) -> Refused:
    return await refused(front.synthesis.SynthesizeOnce(speech_pb.SynthesizeOnceRequest(text=text, config=config)))


async def listen_once(front: RunningFront, audio: bytes, **config: Any) -> Refused:
    return await refused(
        front.transcription.TranscribeOnce(listen_pb.TranscribeOnceRequest(audio=audio, config=config))
    )


async def check_good_call(front: RunningFront) -> None:
    answer = await front.transcription.TranscribeOnce(listen_pb.TranscribeOnceRequest(audio=wav(voice(300))))
    assert answer.text == "hello world"
    request = speech_pb.SynthesizeOnceRequest(text="Hello.")
    kinds = [response.WhichOneof("response") async for response in front.synthesis.SynthesizeOnce(request)]
    assert kinds[0] == "started"
    assert kinds[-1] == "utterance_done"
    await front.settled()


def wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(pcm)
    return file.getvalue()
