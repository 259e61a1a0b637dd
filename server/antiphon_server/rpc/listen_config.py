"""TranscriptionConfig in, ListenSettings out."""

from dataclasses import dataclass, replace
from typing import Any

from antiphon.speech.v1 import transcription_service_pb2 as pb
from antiphon_server.audio.format import Encoding
from antiphon_server.config.settings import Limits
from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.engine.roster import Roster
from antiphon_server.errors import UnsupportedFeature
from antiphon_server.rpc.asker import caller_of, due_at
from antiphon_server.rpc.call_options import option_message, read_options
from antiphon_server.rpc.checks import at_most, ignored, in_range, known_enum, optional_in_range
from antiphon_server.rpc.formats import format_message, input_format
from antiphon_server.rpc.languages import resolve_language
from antiphon_server.session.events import Notice
from antiphon_server.session.settings import ListenSettings

_LIVE_INTERVAL_MS = 700
_THINKING = {pb.THINKING_ON: "ON", pb.THINKING_OFF: "OFF"}


@dataclass(frozen=True, slots=True)
class ListenPlan:
    """What was decided about a transcription."""

    settings: ListenSettings
    info: EngineInfo
    effective: pb.TranscriptionConfig
    """The config with every default filled in and every alias resolved."""
    notices: tuple[Notice, ...]
    live: EngineInfo | None = None
    """What writes partials of the language that was asked for, if it is not the model of the finals."""

    @property
    def has_report(self) -> bool:
        """Whether finals tell how they came about."""
        return self.effective.report

    @property
    def partial_model(self) -> str:
        """Id of the model that writes partials; empty if there are none."""
        if not self.settings.partial_interval_ms:
            return ""
        return self.info.model if self.live is None or self.settings.is_translation else self.live.model

    def asked_by(self, context: Any) -> "ListenPlan":  # noqa: ANN401 - grpc's types
        """Note who asks and until when."""
        settings = replace(self.settings, caller=caller_of(context), due_at=due_at(context))
        return replace(self, settings=settings)


def plan_listening(
    config: pb.TranscriptionConfig,
    roster: Roster,
    limits: Limits,
    *,
    default_encoding: Encoding = Encoding.PCM_S16LE,
    path: str = "config",
) -> ListenPlan:
    """Check a config against the model that will answer.

    Raises:
        SpeechError: For the first field that cannot be used; its path begins with ``path``.
    """
    at_most(f"{path}.model", config.model, 256, "characters")
    info = roster.resolve_model(config.model, "transcriber", field=f"{path}.model")
    roster.info("voice_activity")
    _check_fields(config, path)
    _check_features(config, info, path)
    settings = _settings(config, info, limits, default_encoding, path)
    notices = tuple(_notices(config, info, path))
    return ListenPlan(settings, info, _effective(config, settings), notices, roster.live_info(settings.language))


def _check_fields(config: pb.TranscriptionConfig, path: str) -> None:
    at_most(f"{path}.prompt", config.prompt, 4096, "characters")
    at_most(f"{path}.language", config.language, 35, "characters")
    at_most(f"{path}.key_words", config.key_words, 256, "words")
    for word in config.key_words:
        at_most(f"{path}.key_words", word, 128, "characters a word")
    known_enum(f"{path}.task", config.task, pb.TranscriptionTask)
    known_enum(f"{path}.thinking", config.thinking, pb.Thinking)
    optional_in_range(config, "temperature", f"{path}.temperature", 0.0, 1.0)
    check_endpoint(config.endpoint, f"{path}.endpoint")
    if config.HasField("partial_interval_ms") and config.partial_interval_ms != 0:
        in_range(f"{path}.partial_interval_ms", config.partial_interval_ms, 100, 60_000)


def check_endpoint(endpoint: pb.EndpointConfig, path: str) -> None:
    """Check when utterances, or the turns of a conversation, end.

    Raises:
        InvalidField: If the mode is unknown or a number lies outside its range.
    """
    known_enum(f"{path}.mode", endpoint.mode, pb.EndpointMode)
    optional_in_range(endpoint, "threshold", f"{path}.threshold", 0.0, 1.0)
    optional_in_range(endpoint, "silence_ms", f"{path}.silence_ms", 100, 10_000)
    optional_in_range(endpoint, "prefix_padding_ms", f"{path}.prefix_padding_ms", 0, 2_000)
    optional_in_range(endpoint, "min_speech_ms", f"{path}.min_speech_ms", 0, 5_000)


def _check_features(config: pb.TranscriptionConfig, info: EngineInfo, path: str) -> None:
    if config.word_times and not info.supports_word_times:
        raise UnsupportedFeature(f"{path}.word_times: {info.model} has no word times", field=f"{path}.word_times")
    if config.task == pb.TRANSCRIPTION_TASK_TRANSLATE and not info.supports_translation:
        raise UnsupportedFeature(f"{path}.task: {info.model} cannot translate", field=f"{path}.task")


def _settings(
    config: pb.TranscriptionConfig, info: EngineInfo, limits: Limits, default_encoding: Encoding, path: str
) -> ListenSettings:
    found = input_format(config.format, f"{path}.format", default_encoding)
    endpoint = config.endpoint
    interval_ms = 0 if found.encoding is Encoding.CONTAINER else _LIVE_INTERVAL_MS
    return ListenSettings(
        model=info.model,
        revision=info.revision,
        format=found,
        language=resolve_language(config.language, info.languages, model=info.model, field=f"{path}.language"),
        prompt=config.prompt if info.uses_prompt else "",
        key_words=tuple(config.key_words) if info.uses_key_words else (),
        is_translation=config.task == pb.TRANSCRIPTION_TASK_TRANSLATE,
        word_times=config.word_times,
        segment_times=config.segment_times,
        temperature=config.temperature if info.uses_temperature else 0.0,
        partial_interval_ms=config.partial_interval_ms if config.HasField("partial_interval_ms") else interval_ms,
        is_automatic=endpoint.mode == pb.ENDPOINT_MODE_VOICE_ACTIVITY,
        threshold=endpoint.threshold if endpoint.HasField("threshold") else 0.5,
        silence_ms=endpoint.silence_ms if endpoint.HasField("silence_ms") else 500,
        prefix_padding_ms=endpoint.prefix_padding_ms if endpoint.HasField("prefix_padding_ms") else 300,
        min_speech_ms=endpoint.min_speech_ms if endpoint.HasField("min_speech_ms") else 100,
        max_audio_ms=limits.max_audio_ms,
        thinking=_THINKING.get(config.thinking, "AUTO") if info.supports_thinking else "AUTO",
        options=read_options(config.options, info, f"{path}.options"),
    )


def _effective(config: pb.TranscriptionConfig, settings: ListenSettings) -> pb.TranscriptionConfig:
    effective = pb.TranscriptionConfig()
    effective.CopyFrom(config)
    effective.model, effective.language = settings.model, settings.language
    effective.format.CopyFrom(format_message(settings.format))
    effective.task = config.task or pb.TRANSCRIPTION_TASK_TRANSCRIBE
    effective.thinking = pb.Thinking.Value(f"THINKING_{settings.thinking}")
    effective.prompt, effective.key_words[:] = settings.prompt, settings.key_words
    effective.partial_interval_ms, effective.temperature = settings.partial_interval_ms, settings.temperature
    effective.endpoint.mode = config.endpoint.mode or pb.ENDPOINT_MODE_MANUAL
    effective.endpoint.threshold, effective.endpoint.silence_ms = settings.threshold, settings.silence_ms
    effective.endpoint.prefix_padding_ms = settings.prefix_padding_ms
    effective.endpoint.min_speech_ms = settings.min_speech_ms
    for name, value in settings.options.items():
        effective.options[name].CopyFrom(option_message(value))
    return effective


def _notices(config: pb.TranscriptionConfig, info: EngineInfo, path: str) -> list[Notice]:
    notices = []
    if config.model and config.model != info.model:
        message = f"{path}.model: {info.model} answers in place of {config.model[:64]!r}"
        notices.append(Notice("SUBSTITUTED", f"{path}.model", message))
    without_effect = {
        "thinking": config.thinking == pb.THINKING_ON and not info.supports_thinking,
        "language": bool(config.language) and not info.uses_language,
        "prompt": bool(config.prompt) and not info.uses_prompt,
        "key_words": bool(config.key_words) and not info.uses_key_words,
        "temperature": config.temperature > 0 and not info.uses_temperature,
    }
    notices += [ignored(f"{path}.{name}", info.model) for name, has_none in without_effect.items() if has_none]
    return notices
