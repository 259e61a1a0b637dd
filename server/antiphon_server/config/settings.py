"""Every setting with its unit, range and default. Nothing else in the server has settings of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from antiphon_server.config.tables import MODEL_ALIASES, SCENARIOS, Scenario


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number; values outside are refused at start."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Which engine answers for one role, and its own options."""

    engine: str = ""
    """Name of a built-in engine, or "package.module:function" of your own."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of that engine, such as ``threads`` or ``model_path`` (your own model files)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server takes. Each limit is named in the error that it causes."""

    max_synthesis_calls: Annotated[int, Range(1, 10_000)] = 64
    """Synthesis calls at once."""
    max_transcription_calls: Annotated[int, Range(1, 10_000)] = 16
    """Transcription calls at once."""
    max_conversation_calls: Annotated[int, Range(1, 10_000)] = 16
    """Conversations at once."""
    config_timeout_ms: Annotated[int, Range(100, 600_000)] = 10_000
    """Time a stream has to send its config."""
    idle_timeout_ms: Annotated[int, Range(1_000, 86_400_000)] = 300_000
    """Time a stream may stay without a message while nothing is being made; announced in ``started``."""
    max_text_bytes: Annotated[int, Range(1_024, 4_000_000)] = 131_072
    """UTF-8 bytes of one text message."""
    max_once_text_bytes: Annotated[int, Range(1_024, 16_000_000)] = 1_048_576
    """UTF-8 bytes of the text of a unary twin."""
    max_pending_characters: Annotated[int, Range(1_024, 100_000_000)] = 1_048_576
    """Text waiting to be spoken in one stream; the stream is not read further until it is less."""
    max_audio_message_bytes: Annotated[int, Range(1_024, 4_000_000)] = 65_536
    """Bytes of one audio message of a stream."""
    max_upload_bytes: Annotated[int, Range(1_024, 10_000_000_000)] = 104_857_600
    """Bytes of one audio file sent through a stream."""
    max_once_audio_bytes: Annotated[int, Range(1_024, 16_777_216)] = 16_777_216
    """Bytes of the audio of a unary twin."""
    max_audio_ms: Annotated[int, Range(1_000, 864_000_000)] = 14_400_000
    """Decoded length of one audio file or stream."""
    max_history_messages: Annotated[int, Range(0, 100_000)] = 256
    """Messages of a conversation's history."""
    max_history_bytes: Annotated[int, Range(0, 10_000_000)] = 65_536
    """UTF-8 bytes of a conversation's history."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole server."""

    listen: str = "127.0.0.1:50051"
    """HOST:PORT of gRPC; port 0 takes a free one."""
    metrics_listen: str = ""
    """HOST:PORT of Prometheus metrics; empty: off."""
    grace_s: Annotated[float, Range(0, 3600)] = 10.0
    """How long calls in flight may go on after SIGTERM or SIGINT."""
    start_timeout_s: Annotated[float, Range(1, 3600)] = 120.0
    """How long engines may take to load and warm up."""
    strict_models: bool = False
    """Refuse model aliases with UNKNOWN_MODEL instead of mapping them to what is installed."""
    reflection: bool = True
    """Serve gRPC reflection v1 and v1alpha."""
    keepalive_min_ms: Annotated[int, Range(1_000, 3_600_000)] = 10_000
    """Shortest time between a client's keepalive pings."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
    cache_dir: str = ""
    """Folder of model files: joined from their wheels, or added by ``antiphon models add``; empty: ``antiphon`` in the
    user's cache folder."""
    tts: EngineSettings = field(default_factory=lambda: EngineSettings(engine="hibari"))
    """Speaks, for callers that name no model."""
    second_tts: EngineSettings = field(default_factory=lambda: EngineSettings(engine="auto"))
    """Speaks for callers that name this model or one of its voices. "auto": kokoro, if it was added (0.8 GB of memory);
    "none": nothing."""
    stt: EngineSettings = field(default_factory=lambda: EngineSettings(engine="whisper"))
    """Listens."""
    live: EngineSettings = field(default_factory=lambda: EngineSettings(engine="auto"))
    """Writes partials while somebody speaks; finals are always of stt. "auto": moonshine, if it was added; "none":
    nothing, so stt writes partials too."""
    vad: EngineSettings = field(default_factory=lambda: EngineSettings(engine="silero"))
    """Hears whether someone speaks."""
    chat: EngineSettings = field(default_factory=lambda: EngineSettings(engine="smollm"))
    """Answers. "openai" is any OpenAI-style address: options base_url, api_key, model."""
    limits: Limits = field(default_factory=Limits)
    """What one server takes."""
    default_voice: str = ""
    """Voice of callers that name none; empty: the engine's first."""
    default_scenario: str = "daily"
    """Scenario of conversations that name none."""
    scenarios: Mapping[str, Scenario] = field(default_factory=lambda: dict(SCENARIOS))
    """Conversations by id; yours are added to the built-in ones."""
    model_aliases: Mapping[str, str] = field(default_factory=lambda: dict(MODEL_ALIASES))
    """Other names of models: alias to model id, or to a role (tts, stt, chat); yours are added."""
    voice_aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names of voices: alias to voice id; added to the engine's own."""
    engine_path: tuple[str, ...] = ()
    """Folders added to the import path of engine processes, for engines of your own."""
