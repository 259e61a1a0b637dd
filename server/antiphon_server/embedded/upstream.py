"""Chat by any service that streams OpenAI-style chat completions."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob, ChatMessage
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.errors import ContextOverflow, InvalidField, UpstreamFailed

MAX_LINE_CHARACTERS = 1 << 20
HTTP_UNAUTHORIZED = (401, 403)
HTTP_TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class UpstreamOptions:
    """Options of this engine."""

    base_url: str = "https://api.deepseek.com/v1"
    api_key: str = ""
    model: str = "deepseek-chat"
    thinking: str = "disabled"
    """Sent as DeepSeek's ``thinking.type``; empty: not sent."""
    connect_timeout_s: float = field(default=5.0, metadata={"least": 0.1})
    read_timeout_s: float = field(default=30.0, metadata={"least": 0.1})
    """Longest silence between two pieces of an answer."""
    max_tokens: int = field(default=1024, metadata={"least": 1})
    max_concurrent_calls: int = field(default=64, metadata={"least": 1})
    probe: bool = False
    """Ask for one token at start, so that a wrong address or key shows at once."""


class UpstreamChat:
    """A ChatModel."""

    def __init__(self, options: UpstreamOptions) -> None:
        self._options = options
        timeout = httpx.Timeout(options.read_timeout_s, connect=options.connect_timeout_s)
        headers = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
        limits = httpx.Limits(max_connections=options.max_concurrent_calls)
        self._client = httpx.AsyncClient(timeout=timeout, headers=headers, limits=limits, trust_env=False)
        self._url = options.base_url.rstrip("/") + "/chat/completions"
        self._info = EngineInfo(
            model=options.model,
            revision="",
            owner=urlsplit(options.base_url).hostname or "upstream",
            license="",
            languages=(),
            max_concurrent_calls=options.max_concurrent_calls,
            supports_seed=True,
            supports_sampling=True,
            supports_thinking=bool(options.thinking),
        )

    async def info(self) -> EngineInfo:
        """Say what the engine is, without calling the service."""
        return self._info

    async def reply(self, job: ChatJob) -> AsyncGenerator[ChatDelta | ChatEnd, None]:
        """Yield the answer as it is written, then one ChatEnd; closing ends the connection.

        Raises:
            InvalidField: If there is no message.
            ContextOverflow: If the service says that the messages do not fit.
            UpstreamFailed: If the service refused, cut the answer or sent nonsense.
        """
        if not job.messages:
            raise InvalidField("messages must not be empty", field="messages")
        try:
            async with self._client.stream("POST", self._url, json=self._body(job)) as response:
                await _raise_for_status(response)
                async for item in _items(_events(response)):
                    yield item
        except httpx.TimeoutException as error:
            raise UpstreamFailed(f"the chat service timed out ({type(error).__name__})") from error
        except httpx.ConnectError as error:
            raise UpstreamFailed("the chat service cannot be reached") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UpstreamFailed(f"the answer of the chat service broke off ({type(error).__name__})") from error

    async def probe(self) -> None:
        """Ask for one token and note how long the first took.

        Raises:
            UpstreamFailed: If the service does not answer.
        """
        begin = time.perf_counter()
        async for _ in self.reply(ChatJob(messages=(ChatMessage("user", "Say hello."),), max_tokens=1)):
            pass
        self._info = replace(self._info, first_output_ms=(time.perf_counter() - begin) * 1000)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _body(self, job: ChatJob) -> dict[str, Any]:
        thinking = job.options.get("thinking", self._options.thinking)
        wanted = {"temperature": job.temperature, "top_p": job.top_p, "seed": job.seed}
        body: dict[str, Any] = {
            "model": job.options.get("model", self._options.model),
            "messages": [{"role": message.role, "content": message.text} for message in job.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": job.max_tokens or self._options.max_tokens,
            **{name: value for name, value in wanted.items() if value is not None},
        }
        if thinking:
            body["thinking"] = {"type": thinking}
        return body


async def _raise_for_status(response: httpx.Response) -> None:
    if response.status_code == httpx.codes.OK:
        return
    status = response.status_code
    if status in HTTP_UNAUTHORIZED:
        raise UpstreamFailed(f"the chat service refused the key of this server (HTTP {status})")
    if status == HTTP_TOO_MANY:
        raise UpstreamFailed(
            "the chat service has too many requests (HTTP 429)",
            retry_after_s=_seconds(response.headers.get("retry-after", "")),
        )
    if b"context_length" in (await response.aread())[:MAX_LINE_CHARACTERS]:
        raise ContextOverflow("the messages do not fit the chat service's context", field="messages")
    raise UpstreamFailed(f"the chat service answered HTTP {status}")


def _seconds(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 3600.0)
    except ValueError:
        return 1.0


async def _events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Yield the JSON of every data line up to [DONE]."""
    async for line in response.aiter_lines():
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            return
        try:
            event = json.loads(data)
        except ValueError as error:
            raise UpstreamFailed("the chat service sent an event that is no JSON") from error
        if not isinstance(event, dict) or "error" in event:
            raise UpstreamFailed("the chat service reported an error in the middle of its answer")
        yield event


async def _items(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[ChatDelta | ChatEnd]:
    finish = ""
    usage: dict[str, Any] = {}
    async for event in events:
        usage = event.get("usage") or usage
        for choice in event.get("choices") or ():
            finish = choice.get("finish_reason") or finish
            if text := (choice.get("delta") or {}).get("content"):
                yield ChatDelta(text)
    if not finish:
        raise UpstreamFailed("the answer of the chat service broke off")
    reason = "LENGTH" if finish == "length" else "STOP"
    yield ChatEnd(reason, int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))


async def create(options: Mapping[str, object]) -> UpstreamChat:
    """Make the client; calls the service only if the option ``probe`` is set.

    Raises:
        InvalidField: If an option is unknown or the address is no http address.
        UpstreamFailed: If the probe failed.
    """
    known = parse_options(options, UpstreamOptions)
    if urlsplit(known.base_url).scheme not in {"http", "https"}:
        raise InvalidField("option base_url must begin with http:// or https://", field="base_url")
    engine = UpstreamChat(known)
    if known.probe:
        try:
            await engine.probe()
        except UpstreamFailed:
            await engine.close()
            raise
    return engine
