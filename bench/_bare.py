"""The least a Python gRPC server can do: chunks of the same pace and size written straight into the call."""

import asyncio
import sys
import time
from typing import Any

import uvloop
from _clocked import chunk, phase_s, step_s
from grpc import aio

from antiphon.speech.v1 import audio_pb2
from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc


class BareServicer(pb_grpc.SynthesisServiceServicer):
    """Speaks without an engine."""

    def __init__(self, *, is_in_step: bool) -> None:
        self._is_in_step = is_in_step

    async def Synthesize(self, request_iterator: Any, context: Any) -> None:  # noqa: N802 - the contract's name
        await context.read()
        text = (await context.read()).text.text
        due = phase_s(is_in_step=self._is_in_step)
        for sequence in range(len(text)):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += step_s()
            audio = audio_pb2.AudioChunk(data=chunk(), sequence=sequence, utterance_id="u1", num_samples=960)
            await context.write(pb.SynthesizeResponse(audio=audio))


async def serve() -> None:
    server = aio.server(options=[("grpc.max_concurrent_streams", 10_000)])
    servicer = BareServicer(is_in_step=sys.argv[1] == "in_step")
    pb_grpc.add_SynthesisServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready grpc=127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve())
