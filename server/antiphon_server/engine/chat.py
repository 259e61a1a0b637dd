"""What an engine that answers promises; see ``protocol`` for those that speak and listen."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from antiphon_server.engine.protocol import EngineInfo


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation; role is system, user or assistant."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class ChatJob:
    """A conversation to answer."""

    messages: tuple[ChatMessage, ...]
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ChatEnd:
    """Last item of ``reply``."""

    finish_reason: str = "STOP"
    """STOP or LENGTH."""
    input_tokens: int = 0
    output_tokens: int = 0


class ChatModel(Protocol):
    """Answers."""

    async def info(self) -> EngineInfo:
        """Say what the engine is; answers only when it is warm."""
        ...

    def reply(self, job: ChatJob) -> AsyncGenerator[ChatDelta | ChatEnd, None]:
        """Yield the answer as it is written, then one ChatEnd. Closing the iterator cancels.

        Raises:
            ContextOverflow: If the messages do not fit.
            UpstreamFailed: If the provider failed.
        """
        ...
