import asyncio
import json
from contextlib import aclosing, asynccontextmanager, suppress

import pytest

from antiphon_server.embedded import upstream
from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob, ChatMessage
from antiphon_server.errors import ContextOverflow, InvalidField, UpstreamFailed

KEY = "sk-very-secret"
JOB = ChatJob(messages=(ChatMessage("user", "Hi"),), temperature=0.5, seed=3)
OK = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(**fields):
    return f"data: {json.dumps(fields)}\n\n"


def delta(text, finish=None):
    return event(choices=[{"delta": {"content": text}, "finish_reason": finish}])


ANSWER = (
    OK
    + ": keep-alive\n\n"
    + delta("Hel")
    + delta("lo", "stop")
    + event(choices=[], usage={"prompt_tokens": 4, "completion_tokens": 2})
    + "data: [DONE]\n\n"
)


@asynccontextmanager
async def service(answer, *, hold=False, **options):
    """A chat service on a real socket that says ``answer``, and an engine that uses it."""
    seen, gone, connections = [], asyncio.Event(), []

    async def serve(reader, writer):
        connections.append(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(next(line for line in head.lower().split("\r\n") if "content-length" in line).split(":")[1])
        seen.append((head, json.loads(await reader.readexactly(length))))
        with suppress(ConnectionError):
            writer.write(answer.encode())
            await writer.drain()
            if hold:
                await reader.read()
        gone.set()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    engine = await upstream.create(
        {"base_url": f"http://127.0.0.1:{port}/v1", "api_key": KEY, "model": "big", **options}
    )
    try:
        yield engine, seen, gone
    finally:
        await engine.close()
        server.close()
        await server.wait_closed()
        await asyncio.gather(*connections)


async def failed(answer, kind=UpstreamFailed):
    async with service(answer) as (engine, _, _gone):
        with pytest.raises(kind) as caught:
            [item async for item in engine.reply(JOB)]
    assert KEY not in caught.value.message
    return caught.value


async def test_an_answer_is_streamed_with_its_usage():
    async with service(ANSWER) as (engine, seen, _):
        items = [item async for item in engine.reply(JOB)]
    assert items == [ChatDelta("Hel"), ChatDelta("lo"), ChatEnd("STOP", 4, 2)]
    head, body = seen[0]
    assert head.startswith("POST /v1/chat/completions ")
    assert f"Bearer {KEY}" in head
    assert body["thinking"] == {"type": "disabled"}
    assert (body["model"], body["temperature"], body["seed"], body["stream"]) == ("big", 0.5, 3, True)
    assert "top_p" not in body


async def test_thinking_can_be_left_out():
    async with service(ANSWER, thinking="") as (engine, seen, _):
        [item async for item in engine.reply(JOB)]
    assert "thinking" not in seen[0][1]


async def test_an_answer_cut_by_its_length_says_so():
    async with service(OK + delta("x", "length") + "data: [DONE]\n\n") as (engine, _, _gone):
        assert [item async for item in engine.reply(JOB)][-1].finish_reason == "LENGTH"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_said_and_not_shown(status):
    error = await failed(f"HTTP/1.1 {status} No\r\nContent-Length: {len(KEY)}\r\n\r\n{KEY}")
    assert f"refused the key of this server (HTTP {status})" in error.message


async def test_a_busy_service_says_when_to_come_back():
    error = await failed("HTTP/1.1 429 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")
    assert error.retry_after_s == 7


async def test_a_full_context_is_an_error_of_its_own():
    text = '{"error":{"code":"context_length_exceeded"}}'
    await failed(f"HTTP/1.1 400 Bad\r\nContent-Length: {len(text)}\r\n\r\n{text}", ContextOverflow)


@pytest.mark.parametrize(
    "answer",
    [
        "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        OK + delta("Hel"),
        OK + "data: {not json\n\n",
        OK + "data: [1]\n\n",
        OK + event(error={"message": "broken"}),
        OK.replace("Connection: close", "Content-Length: 99999") + delta("Hel"),
        "nonsense\r\n\r\n",
    ],
    ids=["500", "cut", "no json", "no object", "error event", "cut by length", "no http"],
)
async def test_broken_answers_fail_the_call(answer):
    await failed(answer)


async def test_closing_the_answer_closes_the_connection():
    async with service(OK + delta("Hel"), hold=True) as (engine, _, gone):
        async with aclosing(engine.reply(JOB)) as items:
            assert await anext(items) == ChatDelta("Hel")
        await asyncio.wait_for(gone.wait(), 10)


async def test_a_silent_service_times_out():
    async with service("", hold=True, read_timeout_s=0.2) as (engine, _, _gone):
        with pytest.raises(UpstreamFailed, match="timed out"):
            [item async for item in engine.reply(JOB)]


async def test_nobody_listening_is_said():
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    engine = await upstream.create({"base_url": f"http://127.0.0.1:{port}"})
    with pytest.raises(UpstreamFailed, match="cannot be reached"):
        [item async for item in engine.reply(JOB)]
    with pytest.raises(UpstreamFailed):
        await upstream.create({"base_url": f"http://127.0.0.1:{port}", "probe": True})
    await engine.close()


async def test_info_needs_no_service_and_a_probe_measures_one():
    engine = await upstream.create({"model": "far"})
    assert (await engine.info()).model == "far"
    await engine.close()
    async with service(ANSWER, probe=True) as (probed, seen, _):
        assert (await probed.info()).first_output_ms > 0
        assert len(seen) == 1


async def test_wrong_addresses_and_empty_conversations_are_refused():
    with pytest.raises(InvalidField, match="base_url"):
        await upstream.create({"base_url": "ftp://x"})
    engine = await upstream.create({})
    with pytest.raises(InvalidField, match="messages"):
        [item async for item in engine.reply(ChatJob(messages=()))]
    await engine.close()
