"""Whatever a caller sends, in whatever order: one ending of the table, and a response log that keeps its rules."""

import asyncio
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from antiphon.speech.v1 import transcription_service_pb2 as listen_pb
from antiphon_client.ending import CallEnding
from support.fronts import Refused, RunningFront, running_front, scripted_engines
from support.scripted import SpeechScript
from support.sessions import silence, voice

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # a text over its limit is long

TEXTS = st.sampled_from(["Hello.", "Hello there. And then", " some more", " ", "", "<|prosody:pause|>", "...", "Bye. "])
IDS = st.sampled_from(["", "u1", "u2", "r1", "nobody"])
POSITION = st.builds(
    lambda uid, samples: {"playback_position": {"utterance_id": uid, "samples_played": samples}},
    IDS,
    st.sampled_from([0, 100, 10**9]),
)
SPEECH = st.one_of(
    st.builds(lambda text, speaker: {"text": {"text": text, "speaker": speaker}}, TEXTS, st.sampled_from([0, 0, 0, 3])),
    st.just({"flush": {}}),
    st.just({"finish": {}}),
    st.builds(lambda uid: {"cancel": {"utterance_id": uid}}, IDS),
    POSITION,
    st.sampled_from([{"update": {"speed": 2.0}}, {"update": {"voice": "tone"}}, {"update": {"speed": 77.0}}]),
    st.sampled_from([{}, {"config": {}}]),
)
AUDIO = st.sampled_from([voice(300), silence(300), voice(65)[:-1], b"", voice(1000)])
LISTEN = st.one_of(
    st.builds(lambda data: {"audio": data}, AUDIO),
    st.just({"flush": {}}),
    st.sampled_from([{"finish": {}}, {"flush": {}}, {}, {"config": {}}]),
)
TALK = st.one_of(
    st.builds(lambda data: {"audio": data}, AUDIO),
    st.builds(lambda text: {"text_turn": {"text": text}}, TEXTS),
    st.sampled_from([{"clear_audio": {}}, {"end_turn": {}}, {"create_response": {}}, {"cancel": {}}]),
    st.sampled_from([{"truncate": {}}, {"tool_result": {}}, {"item_create": {}}, {"update": {}}, {}, {"config": {}}]),
    POSITION,
)
SPEECH_CONFIGS = st.sampled_from([{}, {"commit_policy": 3}, {"format": {"sample_rate_hz": 8000}}, {"speed": 99.0}])
LISTEN_CONFIGS = st.sampled_from([{}, {"endpoint": {"mode": 2, "silence_ms": 200}}, {"partial_interval_ms": 100}])
RUNS = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
PAUSES = st.lists(st.booleans(), min_size=12, max_size=12)


async def converse(call: Any, requests: list[Any], pauses: list[bool]) -> tuple[list[Any], Refused | None]:
    """Send everything, half-close, and read until the end: the responses, and the refusal if there is one."""

    async def send() -> None:
        try:
            for request, pause in zip(requests, pauses, strict=False):
                await call.write(request)
                if pause:
                    await asyncio.sleep(0.002)  # lets responses come between requests
            await call.done_writing()
        except (grpc.aio.UsageError, asyncio.InvalidStateError, grpc.aio.AioRpcError):
            pass  # the call ended while it was written to

    ending, sending = CallEnding(call), asyncio.create_task(send())
    responses = []
    try:
        async with asyncio.timeout(10):
            while (response := await call.read()) is not grpc.aio.EOF:
                responses.append(response)
            assert await call.code() is grpc.StatusCode.OK
    except grpc.aio.AioRpcError as error:
        await ending.settle()
        if ending.is_ok:
            return responses, None
        found = Refused.of(ending.error or error)
        found.check()
        return responses, found
    else:
        return responses, None
    finally:
        await sending


async def run(rpc: str, requests: list[Any], pauses: list[bool]) -> tuple[list[Any], Refused | None]:
    """Make one call on a server of its own; afterwards nothing of it may be left."""
    engines = scripted_engines(SpeechScript(chunks_per_character=0.5))
    async with running_front(engines, config_timeout_ms=1000) as front:
        ended = await converse(getattr(_stub(front, rpc), rpc)(), requests, pauses)
        await front.settled()
        front_tasks = [task for task in asyncio.all_tasks() if "antiphon_server" in repr(task.get_coro())]
        assert front_tasks == []
        return ended


def _stub(front: RunningFront, rpc: str) -> Any:
    return {"Synthesize": front.synthesis, "Transcribe": front.transcription, "Converse": front.conversation}[rpc]


def check_audio(responses: list[Any], arm: str) -> None:
    """Chunks of an utterance are numbered, continuous, and stop at its terminal."""
    heard: dict[str, tuple[int, int]] = {}
    over: set[str] = set()
    for response in responses:
        kind = response.WhichOneof(arm)
        if kind == "audio":
            chunk = response.audio
            assert chunk.utterance_id not in over
            assert (chunk.sequence, chunk.first_sample) == heard.get(chunk.utterance_id, (0, 0))
            heard[chunk.utterance_id] = (chunk.sequence + 1, chunk.first_sample + chunk.num_samples)
            assert 0 < len(chunk.data) <= 65_536
        if kind in ("utterance_done", "cancelled", "reply_done"):
            ended = getattr(response, kind)
            assert ended.utterance_id not in over
            over.add(ended.utterance_id)
            if kind == "cancelled":
                assert ended.samples_generated >= ended.samples_sent >= ended.samples_played
                assert ended.samples_sent == heard.get(ended.utterance_id, (0, 0))[1]
            if kind == "utterance_done":
                assert ended.num_samples == heard[ended.utterance_id][1]


@given(SPEECH_CONFIGS, st.lists(SPEECH, max_size=10), PAUSES)
@RUNS
def test_synthesize_ends_once_and_its_utterances_never_overlap(config, messages, pauses):
    requests = [speech_pb.SynthesizeRequest(config=config), *(speech_pb.SynthesizeRequest(**m) for m in messages)]
    responses, found = asyncio.run(run("Synthesize", requests, pauses))
    kinds = [response.WhichOneof("response") for response in responses]
    if not kinds:
        assert found is not None
        return
    assert kinds[0] == "started"
    assert kinds.count("started") == 1
    check_audio(responses, "response")
    speaking = ""
    for response in responses:
        kind = response.WhichOneof("response")
        if kind == "utterance_started":
            assert not speaking
            speaking = response.utterance_started.utterance_id
        elif kind == "audio":
            assert response.audio.utterance_id == speaking
        elif kind in ("utterance_done", "cancelled") and getattr(response, kind).utterance_id == speaking:
            speaking = ""
    assert found is not None or not speaking, "a call that ends well leaves no utterance without its terminal"


@given(LISTEN_CONFIGS, st.lists(LISTEN, max_size=10), PAUSES)
@RUNS
def test_transcribe_ends_once_and_its_voice_decisions_alternate(config, messages, pauses):
    requests = [listen_pb.TranscribeRequest(config=config), *(listen_pb.TranscribeRequest(**m) for m in messages)]
    responses, found = asyncio.run(run("Transcribe", requests, pauses))
    kinds = [response.WhichOneof("response") for response in responses]
    assert kinds[0] == "started"
    assert kinds.count("started") == 1
    assert kinds.count("done") == (found is None)
    assert found is not None or kinds[-1] == "done"
    assert found is not None or "final" in kinds
    voices = [kind for kind in kinds if kind.startswith("speech_")]
    assert voices == [("speech_started", "speech_stopped")[index % 2] for index in range(len(voices))]
    finals = [response.final for response in responses if response.HasField("final")]
    assert [final.utterance_index for final in finals] == list(range(len(finals)))
    ends = [0, *(final.end_ms for final in finals)]
    assert [final.start_ms for final in finals] == ends[:-1]
    finals_so_far = 0
    for response in responses:
        finals_so_far += response.HasField("final")
        if response.HasField("partial"):
            assert response.partial.utterance_index >= finals_so_far, "no partial comes after its final"


@given(st.sampled_from([{}, {"text_only": True}]), st.lists(TALK, max_size=10), PAUSES)
@RUNS
def test_converse_ends_once_and_its_log_is_numbered(config, messages, pauses):
    requests = [talk_pb.ConverseRequest(config=config), *(talk_pb.ConverseRequest(**m) for m in messages)]
    responses, found = asyncio.run(run("Converse", requests, pauses))
    assert [response.sequence for response in responses] == list(range(1, len(responses) + 1))
    assert [response.at_ms for response in responses] == sorted(response.at_ms for response in responses)
    kinds = [response.WhichOneof("event") for response in responses]
    assert kinds[0] == "started"
    assert kinds.count("started") == 1
    check_audio(responses, "event")
    turns = [response.turn_ended for response in responses if response.HasField("turn_ended")]
    assert [turn.turn_index for turn in turns] == list(range(len(turns)))
    ends = [
        getattr(response, kind).utterance_id
        for response in responses
        if (kind := response.WhichOneof("event")) in ("reply_done", "cancelled", "failed")
    ]
    ends = [utterance_id for utterance_id in ends if utterance_id]
    assert len(ends) == len(set(ends))
    if found is None:
        assert set(ends) >= {turn.utterance_id for turn in turns}


@pytest.mark.parametrize("rpc", ["Synthesize", "Transcribe", "Converse"])
async def test_bytes_that_are_no_message_end_the_call_with_a_reason(rpc):
    service = {"Synthesize": "Synthesis", "Transcribe": "Transcription", "Converse": "Conversation"}[rpc]
    async with running_front() as front:
        call = front.channel.stream_stream(f"/antiphon.speech.v1.{service}Service/{rpc}")()
        await call.write(b"\xff\xff\xff")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        found = Refused.of(caught.value)
        found.check()
        assert found.code is grpc.StatusCode.INVALID_ARGUMENT
        await front.settled()
