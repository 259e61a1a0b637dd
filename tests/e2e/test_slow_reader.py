"""A reader that stops makes the engine stop: little is made ahead of it."""

import asyncio

from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon_client import AntiphonClient
from support.servers import Server

MANY_SENTENCES = "This is one of very many sentences that nobody listens to. " * 80
MAX_AHEAD_S = 4.0
"""2 s in our processes, and what the sockets between them hold."""


async def test_a_client_that_stops_reading_holds_the_engine_back(server: Server) -> None:
    async with AntiphonClient(server.grpc_target) as client:
        call = pb.SynthesizeRequest
        stub = client.channel.stream_stream(
            "/antiphon.speech.v1.SynthesisService/Synthesize",
            request_serializer=call.SerializeToString,
            response_deserializer=pb.SynthesizeResponse.FromString,
        )()
        await stub.write(call(config=pb.SynthesisConfig()))
        await stub.write(call(text=pb.TextInput(text=MANY_SENTENCES)))
        while not (await stub.read()).HasField("audio"):
            pass
        await asyncio.sleep(2.0)  # the listener is silent: there is no event for what must not happen
        await stub.write(call(cancel=pb.CancelUtterance()))
        while not (message := await stub.read()).HasField("cancelled"):
            pass
        stub.cancel()
    assert message.cancelled.samples_generated / 24_000 < MAX_AHEAD_S
