"""``stream=true`` of ``POST /v1/audio/transcriptions``: what is sent when, and how a stream ends."""

import asyncio
import json

import aiohttp
import openai
import pytest
from compat_peer import LIMIT_S, ListenEvent, Refusal, compat

from antiphon.speech.v1 import report_pb2, transcript_pb2, transcription_service_pb2

ROUTE = "/v1/audio/transcriptions"
T = transcription_service_pb2


def form(**fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("file", b"x" * 10, filename="speech.wav", content_type="audio/wav")
    for name, value in {"stream": "true", **fields}.items():
        data.add_field(name, value)
    return data


def started(**fields) -> ListenEvent:
    return ListenEvent(started=T.TranscriptionStarted(model="ears", **fields))


def partial(text: str, num_settled: int, utterance: int = 0) -> ListenEvent:
    heard = T.PartialTranscript(text=text, num_settled_characters=num_settled, utterance_index=utterance)
    return ListenEvent(partial=heard)


def final(text: str, **fields) -> ListenEvent:
    return ListenEvent(final=T.FinalTranscript(text=text, **fields))


DONE = ListenEvent(done=T.TranscriptionDone(audio_ms=2500))


def plays(*events: ListenEvent | Exception):
    async def listen(requests):
        async for _ in requests:
            pass
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    return listen


def messages(body: str) -> list:
    blocks = body.split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    return [block[6:] if block == "data: [DONE]" else json.loads(block[6:]) for block in blocks]


async def read_into(pieces: list[bytes], answer: aiohttp.ClientResponse) -> None:
    """Keep what came before the body broke off."""
    while piece := await answer.content.readany():
        pieces.append(piece)


async def streamed(*events: ListenEvent | Exception, **fields: str):
    async with compat() as (peer, http):
        peer.listen = plays(*events)
        answer = await http.post(ROUTE, data=form(**fields))
        return answer, messages(await answer.text())


async def test_only_what_is_settled_is_sent_and_the_deltas_are_the_text():
    answer, found = await streamed(
        started(),
        partial("I scream", 0),
        partial("Ice cream for", 9),
        partial("Ice cream for all. And", 19),
        final("Ice cream for all. And more."),
        partial("Bye", 3, 1),
        final("Bye now.", utterance_index=1),
        final("", no_speech=True, utterance_index=2),
        DONE,
    )
    deltas = [event["delta"] for event in found[:-2]]
    assert deltas == ["Ice cream", " for all.", " And more.", " Bye", " now."]
    assert {event["type"] for event in found[:-2]} == {"transcript.text.delta"}
    assert found[-2]["type"] == "transcript.text.done"
    assert found[-2]["text"] == "".join(deltas) == "Ice cream for all. And more. Bye now."
    assert found[-2]["usage"] == {"type": "duration", "seconds": 2.5}
    assert found[-1] == "[DONE]"
    assert (answer.content_type, answer.headers["X-Accel-Buffering"]) == ("text/event-stream", "no")
    assert (answer.headers["X-Model"], bool(answer.headers["x-request-id"])) == ("ears", True)


async def test_delta_is_sent_while_the_server_still_listens():
    may_end = asyncio.Event()

    async def listen(requests):
        yield started()
        yield partial("Early words", 11)
        await may_end.wait()
        yield final("Early words and late ones.")
        yield DONE

    async with compat() as (peer, http):
        peer.listen = listen
        answer = await http.post(ROUTE, data=form())
        async with asyncio.timeout(LIMIT_S):
            line = await answer.content.readline()
        assert json.loads(line[6:])["delta"] == "Early words"
        may_end.set()
        assert (await answer.text()).endswith("data: [DONE]\n\n")


async def test_silence_is_a_done_with_an_empty_text():
    _, found = await streamed(started(), final("", no_speech=True), DONE)
    assert [found[0]["type"], found[0]["text"], found[1]] == ["transcript.text.done", "", "[DONE]"]


async def test_done_tells_the_model_and_every_warning():
    early = report_pb2.CallWarning(code=report_pb2.WARNING_CODE_SUBSTITUTED, field="config.model", message="ears")
    late = report_pb2.CallWarning(code=report_pb2.WARNING_CODE_FIELD_IGNORED, field="config.prompt", message="no")
    answer, found = await streamed(started(warnings=[early]), final("Hi."), ListenEvent(warning=late), DONE)
    assert [row["param"] for row in json.loads(answer.headers["X-Warnings"])] == ["model"]
    assert (found[-2]["model"], [row["param"] for row in found[-2]["warnings"]]) == ("ears", ["model", "prompt"])


async def test_log_probabilities_come_with_the_end():
    word = transcript_pb2.Word(text="Hi.", confidence=0.5)
    _, found = await streamed(started(), final("Hi.", words=[word]), DONE, **{"include[]": "logprobs"})
    assert [row["token"] for row in found[-2]["logprobs"]] == ["Hi."]


async def test_failure_before_the_first_event_is_a_proper_error():
    async with compat() as (peer, http):
        peer.listen = plays(started(), partial("", 0), Refusal("BAD_AUDIO", "it is cut", field="audio"))
        answer = await http.post(ROUTE, data=form())
        error = (await answer.json())["error"]
        assert (answer.status, error["param"], error["code"]) == (400, "file", "bad_audio")


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (Refusal("ENGINE_FAILED", "the engine died"), "engine_failed"),
        (partial("Hello there", 0), "engine_failed"),
        (final("Yellow there."), "internal"),
    ],
    ids=["refused", "without_an_end", "taken_back"],
)
async def test_failure_after_the_first_event_is_an_error_event_and_a_broken_body(ending, code):
    async with compat() as (peer, http):
        peer.listen = plays(started(), partial("Hello there", 5), ending)
        answer = await http.post(ROUTE, data=form())
        pieces: list[bytes] = []
        with pytest.raises(aiohttp.ClientPayloadError):
            await read_into(pieces, answer)
        found = messages(b"".join(pieces).decode())
        assert [event["type"] for event in found] == ["transcript.text.delta", "transcript.text.error"]
        assert found[-1]["error"]["code"] == code
        assert list(found[-1]["error"]) == ["message", "type", "param", "code"]


async def test_openai_sdk_raises_on_a_failure_in_the_middle():
    async with compat() as (peer, http):
        peer.listen = plays(started(), partial("Hello", 5), Refusal("ENGINE_FAILED", "the engine died"))
        async with openai.AsyncOpenAI(base_url=str(http.make_url("/v1")), api_key="none", max_retries=0) as client:
            events = await client.audio.transcriptions.create(file=("a.wav", b"x"), model="whisper-1", stream=True)
            assert (await anext(events)).type == "transcript.text.delta"
            with pytest.raises(openai.APIError, match="the engine died"):
                await anext(events)


async def test_client_that_leaves_a_stream_cancels_the_transcription():
    async def listen(requests):
        yield started()
        yield partial("Hello", 5)
        await asyncio.Event().wait()

    async with compat() as (peer, http):
        peer.listen = listen
        answer = await http.post(ROUTE, data=form())
        async with asyncio.timeout(LIMIT_S):
            await answer.content.readline()
            answer.close()
            await peer.cancelled.wait()
