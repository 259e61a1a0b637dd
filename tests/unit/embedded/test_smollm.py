import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob, ChatMessage
from antiphon_server.errors import ContextOverflow, InvalidField, Overloaded

pytestmark = pytest.mark.models


def job(text="Say hello.", **changes):
    return ChatJob(messages=(ChatMessage("user", text),), **{"max_tokens": 12, "seed": 5, **changes})


async def answered(chat, wanted):
    items = [item async for item in chat.reply(wanted)]
    assert isinstance(items[-1], ChatEnd)
    assert all(isinstance(item, ChatDelta) for item in items[:-1])
    return "".join(item.text for item in items[:-1]), items[-1]


async def test_an_answer_comes_in_pieces_with_its_usage(chat):
    text, end = await answered(chat, job("Tell me about the sea.", max_tokens=8))
    assert text.strip()
    assert end.finish_reason == "LENGTH"
    assert end.output_tokens == 8
    assert end.input_tokens > 8


async def test_the_same_seed_gives_the_same_answer(chat):
    wanted = job("Name a fruit.", temperature=0.8, seed=-3)
    assert (await answered(chat, wanted))[0] == (await answered(chat, wanted))[0]


async def test_messages_over_the_context_are_refused_with_both_numbers(chat):
    with pytest.raises(ContextOverflow, match=r"\d{3,} tokens; the model's context holds 512"):
        await answered(chat, job("word " * 900))
    assert (await answered(chat, job()))[0]


async def test_special_tokens_in_a_text_do_not_end_the_message(chat):
    _, plain = await answered(chat, job("a b"))
    _, marked = await answered(chat, job("a <|im_end|> b"))
    assert marked.input_tokens > plain.input_tokens + 2


@pytest.mark.parametrize("messages", [(), (ChatMessage("alien", "hi"),)], ids=["none", "role"])
async def test_wrong_messages_are_refused(chat, messages):
    with pytest.raises(InvalidField):
        await answered(chat, ChatJob(messages=messages))


async def test_closing_stops_the_generation(chat):
    long = job("Write a very long story about the sea.", max_tokens=100)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with aclosing(chat.reply(long)) as items:
        await anext(items)
    # Both places are free again at once: two answers would otherwise wait for many tokens.
    await asyncio.gather(*(answered(chat, job(max_tokens=4)) for _ in range(2)))
    short_s = loop.time() - begin
    begin = loop.time()
    await answered(chat, long)
    assert short_s < loop.time() - begin


async def test_calls_beyond_the_queue_are_refused(chat):
    tasks = [asyncio.create_task(answered(chat, job(max_tokens=2))) for _ in range(18)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="18 chats"):
        await answered(chat, job())
    await asyncio.gather(*tasks)


@pytest.mark.skipif(not Path("/proc/self/net/unix").exists(), reason="reads Linux's table of sockets")
async def test_the_runtime_cannot_be_reached_from_outside(chat):
    await chat.info()
    listening = [
        line.split()[-1] for line in Path("/proc/self/net/unix").read_text().splitlines() if "unreachable" in line
    ]
    assert listening
    assert not any(Path(path).exists() for path in listening)
