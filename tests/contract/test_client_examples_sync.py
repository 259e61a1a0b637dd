"""The synchronous examples, driven message by message with grpcio-testing: no server, no network."""

import importlib.util
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import grpc
import grpc_testing
import pytest

from antiphon.speech.v1 import conversation_service_pb2, synthesis_service_pb2

EXAMPLES = Path(__file__).resolve().parents[2] / "clients" / "python" / "examples"
SERVICES = [
    *synthesis_service_pb2.DESCRIPTOR.services_by_name.values(),
    *conversation_service_pb2.DESCRIPTOR.services_by_name.values(),
]
SYNTHESIZE = SERVICES[0].methods_by_name["Synthesize"]
CONVERSE = SERVICES[1].methods_by_name["Converse"]
Response = synthesis_service_pb2.SynthesizeResponse
Entry = conversation_service_pb2.ConverseResponse


def example(name: str):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def channel():
    return grpc_testing.channel(SERVICES, grpc_testing.strict_real_time())


@pytest.fixture
def caller() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_speaking_sends_config_text_and_finish_in_order(channel, caller):
    spoken: Future = caller.submit(lambda: list(example("speak_sync").speak(channel, ["One. ", "Two."])))
    _, rpc = channel.take_stream_stream(SYNTHESIZE)
    requests = [rpc.take_request() for _ in range(4)]
    rpc.requests_closed()
    assert [request.WhichOneof("request") for request in requests] == ["config", "text", "text", "finish"]
    assert [request.text.text for request in requests[1:3]] == ["One. ", "Two."]
    for response in (Response(started={"sample_rate_hz": 24_000}), Response(audio={"data": b"ab"})):
        rpc.send_response(response)
    rpc.send_response(Response(utterance_done={"num_samples": 1}))
    rpc.terminate((), grpc.StatusCode.OK, "")
    started, audio, done = spoken.result(10)
    assert (started.sample_rate_hz, audio, done.num_samples) == (24_000, b"ab", 1)


def test_audio_is_handed_over_before_the_text_has_ended(channel, caller):
    module = example("speak_sync")
    writing = module.queue.Queue()
    speaking = module.speak(channel, module.pieces_of(writing))
    first: Future = caller.submit(next, speaking)
    _, rpc = channel.take_stream_stream(SYNTHESIZE)
    assert rpc.take_request().WhichOneof("request") == "config"
    writing.put("One. ")
    assert rpc.take_request().text.text == "One. "
    rpc.send_response(Response(audio={"data": b"ab"}))
    assert first.result(10) == b"ab"
    writing.put(None)
    assert rpc.take_request().WhichOneof("request") == "finish"
    rpc.terminate((), grpc.StatusCode.OK, "")
    assert list(speaking) == []


def test_a_failed_call_raises_its_status(channel, caller):
    spoken: Future = caller.submit(lambda: list(example("speak_sync").speak(channel, ["One."])))
    _, rpc = channel.take_stream_stream(SYNTHESIZE)
    rpc.terminate((), grpc.StatusCode.RESOURCE_EXHAUSTED, "all places are taken")
    with pytest.raises(grpc.RpcError) as raised:
        spoken.result(10)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_conversation_sends_a_turn_only_after_the_reply_before_it(channel, caller):
    sound = bytearray()
    module = example("conversation_sync")
    talked: Future = caller.submit(lambda: list(module.converse(channel, ["Hi.", "And?"], on_audio=sound.extend)))
    _, rpc = channel.take_stream_stream(CONVERSE)
    assert rpc.take_request().WhichOneof("request") == "config"
    for turn, reply in (("Hi.", "Hello."), ("And?", "Well.")):
        assert rpc.take_request().text_turn.text == turn
        rpc.send_response(Entry(audio={"data": b"ab"}))
        rpc.send_response(Entry(reply_done={"text": reply}))
    rpc.requests_closed()
    rpc.terminate((), grpc.StatusCode.OK, "")
    assert talked.result(10) == ["Hello.", "Well."]
    assert sound == b"abab"


def test_a_failed_turn_says_why(channel, caller):
    module = example("conversation_sync")
    talked: Future = caller.submit(lambda: list(module.converse(channel, ["Hi."])))
    _, rpc = channel.take_stream_stream(CONVERSE)
    rpc.send_response(Entry(failed={"message": "the chat model does not answer"}))
    with pytest.raises(module.TurnFailed, match="does not answer"):
        talked.result(10)
