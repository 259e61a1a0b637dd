"""The client's end of ``/v1/audio/speech/stream``."""

import asyncio
import contextlib
import json

import aiohttp
from compat_peer import LIMIT_S, compat

ROUTE = "/v1/audio/speech/stream"
CONFIG = {"type": "session.config", "voice": "alloy"}
DONE = {"type": "input.done"}


def text(said: str) -> dict[str, str]:
    return {"type": "input.text", "text": said}


async def receive(ws) -> object:
    async with asyncio.timeout(LIMIT_S):
        message = await ws.receive()
    if message.type is aiohttp.WSMsgType.BINARY:
        return message.data
    assert message.type is aiohttp.WSMsgType.TEXT, message
    return json.loads(message.data)


async def receive_until(ws, kind: str) -> list[object]:
    events = []
    while not events or not isinstance(events[-1], dict) or events[-1]["type"] != kind:
        events.append(await receive(ws))
    return events


@contextlib.asynccontextmanager
async def socket(*messages: object, **settings: object):
    """A socket on which the messages have been sent."""
    async with compat(**settings) as (peer, http), http.ws_connect(ROUTE, headers={"x-request-id": "me"}) as ws:
        for message in messages:
            await ws.send_json(message)
        yield peer, ws
