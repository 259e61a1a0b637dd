"""Chat by SmolLM2-135M in this process: fluent, often wrong; for demonstrations and tests.

The runtime is llama.cpp's server, which always opens a listener. Here it listens on a Unix socket in a private folder,
behind a random key, and the socket is removed as soon as it exists: nobody can connect.
"""

import asyncio
import secrets
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from antiphon_server.embedded import weights
from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob, ChatMessage
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.errors import ContextOverflow, EngineFailed, InvalidField, ModelNotInstalled, Overloaded

ROLES = ("system", "user", "assistant")
MAX_QUEUED_CHUNKS = 64
Chunk = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SmolLmOptions:
    """Options of this engine."""

    threads: int = field(default=1, metadata={"least": 1})
    """More help only on cores that nothing else uses: threads wait for each other spinning, 80 times a token."""
    model_path: str = ""
    """Another chat model in GGUF format."""
    model_sha256: str = ""
    context_tokens: int = field(default=2048, metadata={"least": 256})
    """Of each of the parallel conversations."""
    parallel: int = field(default=2, metadata={"least": 1})
    max_waiting: int = field(default=16, metadata={"least": 0})
    max_tokens: int = field(default=160, metadata={"least": 1})
    temperature: float = field(default=0.3, metadata={"least": 0})


class LlamaServer(Protocol):
    """What is used of the runtime."""

    def handle_chat_completions(self, request: Chunk, callback: Callable[[Chunk], bool]) -> None:
        """Call back with every chunk of the answer until done or the callback returns True."""
        ...


class _Reply:
    """One answer on its way from the runtime's thread to the loop; the thread waits while the loop is behind."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue()
        self._room = threading.Semaphore(MAX_QUEUED_CHUNKS)
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        """Let the runtime give the answer up at its next chunk."""
        self._is_stopped.set()
        self._room.release()

    def run(self, server: LlamaServer, request: Chunk) -> None:
        """Fill the queue; runs in a thread."""
        try:
            if not self._is_stopped.is_set():
                server.handle_chat_completions(request, self._take)
        finally:
            self._put(None)

    async def next_chunk(self) -> Chunk | None:
        """Return the next chunk, or None at the end."""
        chunk = await self._chunks.get()
        self._room.release()
        return chunk

    def _take(self, chunk: Chunk) -> bool:
        self._room.acquire()
        if not self._is_stopped.is_set():
            self._put(chunk)
        return self._is_stopped.is_set()

    def _put(self, chunk: Chunk | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)


class SmolLmChat:
    """A ChatModel."""

    def __init__(self, server: LlamaServer, *, revision: str, options: SmolLmOptions) -> None:
        self._server = server
        self._options = options
        self._workers = ThreadPoolExecutor(options.parallel, thread_name_prefix="smollm")
        self._num_calls = 0
        self._info = EngineInfo(
            model="smollm2-135m",
            revision=revision,
            owner="HuggingFaceTB",
            license="Apache-2.0",
            languages=("en",),
            max_concurrent_calls=options.parallel,
            supports_seed=True,
            supports_sampling=True,
        )

    async def info(self) -> EngineInfo:
        """Say what the engine is."""
        return self._info

    async def reply(self, job: ChatJob) -> AsyncGenerator[ChatDelta | ChatEnd, None]:
        """Yield the answer as it is written, then one ChatEnd; closing stops the generation.

        Raises:
            InvalidField: If there is no message or a role is unknown.
            ContextOverflow: If the messages do not fit.
            Overloaded: If too many calls wait.
            EngineFailed: If the model failed.
        """
        request = self._request(job)
        if self._num_calls >= self._options.parallel + self._options.max_waiting:
            raise Overloaded(f"{self._num_calls} chats are running or waiting already", retry_after_s=2.0)
        self._num_calls += 1
        answer = _Reply()
        running = self._workers.submit(answer.run, self._server, request)
        try:
            async for item in self._items(answer):
                yield item
        finally:
            self._num_calls -= 1
            answer.stop()
            running.cancel()

    async def warm_up(self) -> None:
        """Answer twice; the second time says how soon the first word comes."""
        job = ChatJob(messages=(ChatMessage("user", "Say hello."),), max_tokens=4, temperature=0.0)
        for _ in range(2):
            begin = time.perf_counter()
            async with aclosing(self.reply(job)) as items:
                await anext(items)
                first_output_ms = (time.perf_counter() - begin) * 1000
                async for _item in items:
                    pass
        self._info = replace(self._info, first_output_ms=first_output_ms)

    async def _items(self, answer: _Reply) -> AsyncGenerator[ChatDelta | ChatEnd, None]:
        finish = "STOP"
        usage: dict[str, int] = {}
        while (chunk := await answer.next_chunk()) is not None:
            _raise_error(chunk)
            usage = chunk.get("usage") or usage
            for choice in chunk.get("choices", ()):
                finish = "LENGTH" if choice.get("finish_reason") == "length" else finish
                if text := choice.get("delta", {}).get("content"):
                    yield ChatDelta(text)
        if not usage:
            raise EngineFailed("the chat model ended without saying so")
        yield ChatEnd(finish, usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))

    def _request(self, job: ChatJob) -> Chunk:
        if not job.messages:
            raise InvalidField("messages must not be empty", field="messages")
        request: Chunk = {
            "messages": [_message(message) for message in job.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": self._options.temperature if job.temperature is None else job.temperature,
            "max_tokens": min(job.max_tokens or self._options.max_tokens, self._options.context_tokens),
        }
        if job.top_p is not None:
            request["top_p"] = job.top_p
        if job.seed is not None:
            request["seed"] = job.seed & 0xFFFF_FFFF
        return request


def _message(message: ChatMessage) -> dict[str, str]:
    if message.role not in ROLES:
        raise InvalidField(f"role {message.role[:20]!r} is not one of {', '.join(ROLES)}", field="messages.role")
    # The runtime would take "<|im_end|>" in a text for the end of the message.
    return {"role": message.role, "content": message.text.replace("<|", "< |")}


def _raise_error(chunk: Chunk) -> None:
    error = chunk.get("error")
    if not error:
        return
    if error.get("type") == "exceed_context_size_error":
        raise ContextOverflow(
            f"the messages have {error.get('n_prompt_tokens')} tokens; the model's context holds {error.get('n_ctx')}",
            field="messages",
        )
    raise EngineFailed(f"the chat model failed ({error.get('type', 'unknown')})")


def _load(options: SmolLmOptions) -> tuple[LlamaServer, str]:
    if options.model_path:
        path, revision = weights.own_file(options.model_path, options.model_sha256)
    else:
        path, revision = weights.verified(weights.SMOLLM), weights.SMOLLM.sha256
    library = weights.runtime("xllamacpp", "xllamacpp")
    with tempfile.TemporaryDirectory(prefix="antiphon-") as folder:  # mode 0700; gone when the server runs
        settings = _settings(library.CommonParams(), path, options)
        settings.hostnames = [str(Path(folder) / "unreachable.sock")]
        try:
            server: LlamaServer = library.Server(settings)
        except RuntimeError as error:
            raise ModelNotInstalled("the file named by the option model_path is no chat model") from error
        if not str(getattr(server, "listening_address", "")).startswith("unix:"):
            raise EngineFailed("the chat runtime opened a network port; it must not")
    return server, revision


def _settings(settings: Any, path: Path, options: SmolLmOptions) -> Any:  # noqa: ANN401 - the runtime has no types
    settings.model.path = str(path)
    settings.n_ctx = options.context_tokens * options.parallel
    settings.n_parallel = options.parallel
    settings.n_batch = settings.n_ubatch = 256
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = options.threads
    settings.cache_ram_mib = settings.n_ctx_checkpoints = 0
    settings.verbosity = -1
    settings.offline = True
    settings.ui = settings.endpoint_slots = settings.warmup = False
    settings.n_threads_http = 1
    settings.cors_origins = ""
    settings.api_keys = [secrets.token_hex(32)]
    return settings


async def create(options: Mapping[str, object]) -> SmolLmChat:
    """Load, prove and warm up the chat model.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If the file is missing or wrong.
        EngineFailed: If the model did not answer.
    """
    known = parse_options(options, SmolLmOptions)
    server, revision = await asyncio.to_thread(_load, known)
    engine = SmolLmChat(server, revision=revision, options=known)
    await engine.warm_up()
    return engine
