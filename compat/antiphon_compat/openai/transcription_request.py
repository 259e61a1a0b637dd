"""Forms of ``POST /v1/audio/transcriptions`` and ``/translations`` into the contract's config."""

import dataclasses

from antiphon.speech.v1 import audio_pb2, report_pb2, transcription_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.chunking import read_chunking
from antiphon_compat.openai.form_fields import FormFields
from antiphon_compat.openai.transcription_fields import (
    MAX_NAME_CHARS,
    SPEAKERS,
    TIMED_FORMATS,
    read_form_options,
    read_key_words,
    read_language,
    read_response_format,
    refuse_speakers,
    wants_log_probs,
    wants_report,
    wants_stream,
    wants_words,
)
from antiphon_compat.openai.transcription_notices import transcription_notices

_THINKING: dict[str, transcription_service_pb2.Thinking.ValueType] = {
    "on": transcription_service_pb2.THINKING_ON,
    "off": transcription_service_pb2.THINKING_OFF,
    "auto": transcription_service_pb2.THINKING_AUTO,
}
_NOT_TRANSLATED = ("include", "timestamp_granularities", "chunking_strategy", *SPEAKERS)
_MAX_PROMPT_CHARS = 4096
_SETTLED_ONLY_MS = 60_000  # partials so rare that in effect only what is settled is told, and at once


@dataclasses.dataclass(frozen=True, slots=True)
class TranscriptionJob:
    """One request, checked."""

    config: transcription_service_pb2.TranscriptionConfig
    response_format: str
    is_streamed: bool = False
    with_words: bool = False
    """Whether words with their times were asked for."""
    with_log_probs: bool = False
    with_report: bool = False
    """Whether the answer tells how it came about."""
    warnings: tuple[report_pb2.CallWarning, ...] = ()
    """What was given and has no effect."""

    @property
    def is_translation(self) -> bool:
        """Whether the answer is English, whatever was spoken."""
        return self.config.task == transcription_service_pb2.TRANSCRIPTION_TASK_TRANSLATE


def read_transcription(fields: FormFields) -> TranscriptionJob:
    """Check every field of a transcription and say it in the contract's words.

    Raises:
        ApiError: A field is out of range or asks for what is not offered.
    """
    response_format = read_response_format(fields)
    is_streamed = wants_stream(fields, response_format)
    with_words, with_log_probs = wants_words(fields, response_format), wants_log_probs(fields, response_format)
    language, warnings = read_language(fields)
    refuse_speakers(fields)
    config = _config(fields, transcription_service_pb2.TRANSCRIPTION_TASK_TRANSCRIBE, language, response_format)
    config.word_times = with_words or with_log_probs
    config.endpoint.CopyFrom(read_chunking(fields))
    if is_streamed:
        config.partial_interval_ms = _SETTLED_ONLY_MS
    warnings += transcription_notices(fields.names)
    return TranscriptionJob(config, response_format, is_streamed, with_words, with_log_probs, config.report, warnings)


def read_translation(fields: FormFields) -> TranscriptionJob:
    """Check every field of a translation into English.

    Raises:
        ApiError: A field is out of range or asks for what is not offered.
    """
    response_format = read_response_format(fields)
    if fields.flag("stream"):
        raise ApiError("UNSUPPORTED_FEATURE", "stream is not offered for translations; leave it out.", param="stream")
    for name in _NOT_TRANSLATED:
        if fields.several(name) or fields.keyed(name):
            raise ApiError("UNSUPPORTED_FEATURE", f"{name} is not offered for translations; leave it out.", param=name)
    language, warnings = read_language(fields)
    config = _config(fields, transcription_service_pb2.TRANSCRIPTION_TASK_TRANSLATE, language, response_format)
    warnings += transcription_notices(fields.names)
    return TranscriptionJob(config, response_format, with_report=config.report, warnings=warnings)


def _config(
    fields: FormFields,
    task: transcription_service_pb2.TranscriptionTask.ValueType,
    language: str,
    response_format: str,
) -> transcription_service_pb2.TranscriptionConfig:
    thinking = fields.choice("thinking", _THINKING)
    return transcription_service_pb2.TranscriptionConfig(
        model=fields.text("model", max_chars=MAX_NAME_CHARS),
        format=audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_CONTAINER),
        language=language,
        prompt=fields.text("prompt", max_chars=_MAX_PROMPT_CHARS),
        key_words=read_key_words(fields),
        task=task,
        segment_times=response_format in TIMED_FORMATS,
        temperature=fields.number("temperature", 0, 1),
        options=read_form_options(fields),
        report=wants_report(fields, response_format),
        thinking=_THINKING.get(thinking, transcription_service_pb2.THINKING_UNSPECIFIED),
    )
