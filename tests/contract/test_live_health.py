"""What the health service and the list of models say of a live transcriber."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from antiphon.speech.v1 import model_service_pb2 as model_pb
from antiphon_server.errors import EngineRestarting
from support.fronts import RunningFront, running_front, scripted_engines
from support.scripted_live import LiveScript, ScriptedLiveTranscriber

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def health(running: RunningFront, name: str) -> int:
    stub = health_pb2_grpc.HealthStub(running.channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status


async def test_a_live_transcriber_that_restarts_leaves_the_services_healthy():
    engines = scripted_engines()
    engines.live = ScriptedLiveTranscriber(LiveScript())
    async with running_front(engines) as running:
        assert await health(running, "scripted-live") == SERVING
        engines.refusals["live_transcriber"] = EngineRestarting("coming back", retry_after_s=1.0)
        await running.front.show_health()
        assert await health(running, "scripted-live") == NOT_SERVING
        for name in ("", "antiphon.speech.v1.TranscriptionService", "scripted-stt"):
            assert await health(running, name) == SERVING


async def test_it_is_no_model_that_a_call_can_name():
    engines = scripted_engines()
    engines.live = ScriptedLiveTranscriber(LiveScript())
    async with running_front(engines) as running:
        models = (await running.models.ListModels(model_pb.ListModelsRequest())).models
        assert "scripted-live" not in {model.id for model in models}
        assert "scripted-stt" in {model.id for model in models}


async def test_without_one_nothing_is_said_of_it():
    async with running_front() as running:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await health(running, "scripted-live")
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
