"""The server as a process: its health, its end, its engines' deaths, callers that go away, and what its logs hold."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from antiphon.speech.v1 import transcription_service_pb2 as listen_pb
from support.calls import Stubs, calls_to
from support.fronts import Refused
from support.servers import Server, scripted_config, start_server
from support.sessions import voice

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SLOW = "\n[tts.options]\ndelay_ms = 20\n"


async def health(stubs: Stubs, name: str) -> int:
    request = health_pb2.HealthCheckRequest(service=name)
    return (await health_pb2_grpc.HealthStub(stubs.channel).Check(request, timeout=10)).status


async def until(is_so: Callable[[], Any], limit_s: float = 20.0) -> None:
    """Wait for something of another process."""
    async with asyncio.timeout(limit_s):
        while not await is_so():
            await asyncio.sleep(0.02)


async def speaking(stubs: Stubs, text: str) -> Any:
    """A call whose first audio has arrived."""
    call = stubs.synthesis.SynthesizeOnce(speech_pb.SynthesizeOnceRequest(text=text), timeout=60)
    while not (await call.read()).HasField("audio"):
        pass
    return call


async def rest(call: Any) -> list[Any]:
    found = []
    while (response := await call.read()) is not grpc.aio.EOF:
        found.append(response)
    return found


async def refusal(call: Any) -> Refused:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rest(call)
    return Refused.of(caught.value)


def children(pid: int) -> dict[str, int]:
    """Engine processes of a server by name."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # threads come and go
            for child in (task / "children").read_text().split():
                line = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                found[line] = int(child)
    return found


def metrics_of(server: Server) -> str:
    events = [json.loads(line) for line in server.log_lines if line.startswith("{")]
    address = next(event["address"] for event in events if event["event"] == "metrics_served")
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        return answer.read().decode()


def running_calls(server: Server) -> float:
    return sum(map(float, re.findall(r"^antiphon_calls_running\{.*\} (\S+)$", metrics_of(server), re.MULTILINE)))


async def test_every_model_and_service_is_serving_once_ready(scripted_server):
    async with calls_to(scripted_server) as stubs:
        names = ["", "scripted-tts", "scripted-stt", "scripted-chat", "scripted-vad"]
        names += [
            f"antiphon.speech.v1.{name}Service" for name in ("Synthesis", "Transcription", "Conversation", "Voice")
        ]
        for name in names:
            assert await health(stubs, name) == SERVING, name


async def test_before_the_engines_are_warm_calls_are_refused_and_nothing_serves(tmp_path):
    config = scripted_config(tmp_path, "\n[tts.options]\nstart_delay_s = 3\n")
    command = [sys.executable, "-m", "antiphon_server", "--listen", "127.0.0.1:0", "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        port = await asyncio.to_thread(listening_port, process)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stubs = Stubs(channel)
            assert await health(stubs, "") == NOT_SERVING
            assert await health(stubs, "antiphon.speech.v1.SynthesisService") == NOT_SERVING
            found = await refusal(stubs.synthesis.SynthesizeOnce(speech_pb.SynthesizeOnceRequest(text="Hi.")))
            found.check()
            assert found.reason == "NOT_READY"
    finally:
        process.terminate()
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log


def listening_port(process: subprocess.Popen[str]) -> int:
    """Port a server listens on, as it logs it long before it is ready."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("{") and (event := json.loads(line))["event"] == "listening":
            return int(event["grpc"].rpartition(":")[2])
    raise AssertionError("it ended without listening")


async def test_an_utterance_in_flight_finishes_after_sigterm_and_new_calls_are_refused(tmp_path):
    server = start_server(config=scripted_config(tmp_path, SLOW))
    async with calls_to(server) as stubs:
        call = await speaking(stubs, "A sentence that takes two seconds or so to say, since it is long enough.")
        server.terminate()

        async def is_refusing() -> bool:
            call = stubs.synthesis.SynthesizeOnce(speech_pb.SynthesizeOnceRequest(text="Hi."))
            return await call.code() is grpc.StatusCode.UNAVAILABLE

        await until(is_refusing, 3.0)
        responses = await rest(call)
        assert responses[-1].HasField("utterance_done")
    assert await asyncio.to_thread(server.wait) == 0
    server.stop()


async def test_the_grace_ends_calls_that_do_not(tmp_path):
    server = start_server("--grace", "0.3", config=scripted_config(tmp_path, SLOW))
    async with calls_to(server) as stubs:
        call = await speaking(stubs, "word " * 2000)
        server.terminate()
        with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
            await rest(call)
    assert await asyncio.to_thread(server.wait) == 0
    server.stop()


async def test_killing_an_engine_fails_exactly_its_calls_and_it_comes_back(tmp_path):
    server = start_server(config=scripted_config(tmp_path, SLOW))
    pids = children(server.pid)
    async with calls_to(server) as stubs:
        calls = [await speaking(stubs, "word " * 2000) for _ in range(4)]
        listening = stubs.transcription.Transcribe(timeout=60)
        await listening.write(listen_pb.TranscribeRequest(config=listen_pb.TranscriptionConfig()))
        await listening.write(listen_pb.TranscribeRequest(audio=voice(500)))
        assert (await listening.read()).HasField("started")
        watch = health_pb2_grpc.HealthStub(stubs.channel).Watch(health_pb2.HealthCheckRequest(service="scripted-tts"))
        assert (await watch.read()).status == SERVING
        os.kill(await tts_pid(server, calls), signal.SIGKILL)
        for call in calls:
            found = await refusal(call)
            found.check()
            assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "ENGINE_RESTARTING")
        await listening.done_writing()
        (final,) = [response.final for response in await rest(listening) if response.HasField("final")]
        assert final.text == "hello world"
        assert (await watch.read()).status == NOT_SERVING
        assert (await watch.read()).status == SERVING
        watch.cancel()
        assert (await stubs.speak_once("Hi."))[-1].HasField("utterance_done")
        after = children(server.pid)
        assert len(set(pids.values()) & set(after.values())) == len(pids) - 1, "the other engines lived on"
    assert server.stop() == 0


async def tts_pid(server: Server, calls: list[Any]) -> int:
    """The engine that speaks: children are started in the order tts, stt, chat."""
    assert calls
    return min(children(server.pid).values())


async def test_callers_that_go_away_leave_nothing_running(tmp_path):
    server = start_server("--metrics", "127.0.0.1:0", config=scripted_config(tmp_path, SLOW))
    async with calls_to(server) as stubs:
        for _ in range(4):
            batch = [
                stubs.synthesis.SynthesizeOnce(speech_pb.SynthesizeOnceRequest(text="word " * 500)) for _ in range(40)
            ]
            await asyncio.gather(*(call.read() for call in batch[::2]))  # half are aborted at once, half when started
            for call in batch:
                call.cancel()
        for _ in range(40):
            call = stubs.conversation.Converse()
            await call.write(talk_pb.ConverseRequest(config=talk_pb.ConversationConfig()))
            await call.write(talk_pb.ConverseRequest(text_turn={"text": "Hello."}))
            await call.read()
            call.cancel()

        async def is_quiet() -> bool:
            return await asyncio.to_thread(running_calls, server) == 0

        await until(is_quiet)
        assert (await stubs.speak_once("Hi."))[-1].HasField("utterance_done")
        text = metrics_of(server)
    assert re.search(r'antiphon_calls_total\{.*reason="CANCELLED"\}', text)
    assert "INTERNAL" not in text
    assert server.stop() == 0


async def test_no_text_is_in_any_log_line(tmp_path):
    marker = "Zanzibarquux"
    extra = f'\n[stt.options]\nanswers = ["{marker}"]\n[chat.options]\nreplies = ["{marker} indeed."]\n'
    server = start_server(config=scripted_config(tmp_path, extra), environment={"ANTIPHON_LOG_LEVEL": "DEBUG"})
    async with calls_to(server) as stubs:
        await stubs.speak_once(f"{marker} is here.")
        assert await stubs.write_down(voice(500)) == marker
        log = await stubs.talk([{"text_turn": {"text": f"Hello {marker}."}}], instructions=f"Be {marker}.")
        assert marker in log[-1].reply_done.text
        for bad in ({"voice": marker}, {"model": marker}, {"options": {marker: {"int_value": 1}}}):
            with pytest.raises(grpc.aio.AioRpcError):
                await stubs.speak_once(marker, **bad)
        with pytest.raises(grpc.aio.AioRpcError):
            await stubs.speak([marker, "<|oops"], tag_policy=3, speed=99.0)
    assert server.stop() == 0
    assert sum('"call_ended"' in line for line in server.log_lines) == 7
    assert not [line for line in server.log_lines if marker.lower() in line.lower()]


def test_a_port_that_is_taken_stops_the_start_with_one_sentence(scripted_server, tmp_path):
    config = scripted_config(tmp_path)
    command = [
        sys.executable,
        "-m",
        "antiphon_server",
        "--listen",
        scripted_server.grpc_target,
        "--config",
        str(config),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "cannot listen on" in done.stderr
    assert "Traceback" not in done.stderr
