"""Form of ``POST /v1/audio/transcriptions`` into the contract's config."""

import dataclasses
import re
from collections.abc import Collection

from antiphon.speech.v1 import audio_pb2, transcription_service_pb2
from antiphon_compat.errors import ApiError

RESPONSE_FORMATS = ("json", "text", "verbose_json", "srt", "vtt")
"""The formats that can be answered truthfully."""

_THINKING: dict[str, transcription_service_pb2.Thinking.ValueType] = {
    "on": transcription_service_pb2.THINKING_ON,
    "off": transcription_service_pb2.THINKING_OFF,
    "auto": transcription_service_pb2.THINKING_AUTO,
}
_GRANULARITIES = ("word", "segment")
_NUMBER = re.compile(r"[+-]?(\d{1,10}(\.\d{0,20})?|\.\d{1,20})", re.ASCII)
_MAX_PROMPT_CHARS = 4096
_MAX_NAME_CHARS = 256
_MAX_KEY_WORDS = 256

FormFields = dict[str, list[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class TranscriptionJob:
    """One request, checked."""

    config: transcription_service_pb2.TranscriptionConfig
    response_format: str


def read_transcription(fields: FormFields) -> TranscriptionJob:
    """Check every field and say it in the contract's words.

    Raises:
        ApiError: A field is out of range or asks for what is not offered.
    """
    response_format = _choice(fields, "response_format", RESPONSE_FORMATS) or "json"
    if _choice(fields, "stream", ("true", "false", "1", "0")) in ("true", "1"):
        raise ApiError("UNSUPPORTED_FEATURE", "stream is not offered by this server; leave it out.", param="stream")
    thinking = _choice(fields, "thinking", _THINKING)
    config = transcription_service_pb2.TranscriptionConfig(
        model=_text(fields, "model", _MAX_NAME_CHARS),
        format=audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_CONTAINER),
        language=_text(fields, "language", _MAX_NAME_CHARS),
        prompt=_text(fields, "prompt", _MAX_PROMPT_CHARS),
        key_words=_key_words(fields),
        word_times="word" in _granularities(fields, response_format),
        temperature=_temperature(fields),
        thinking=_THINKING.get(thinking, transcription_service_pb2.THINKING_UNSPECIFIED),
    )
    return TranscriptionJob(config, response_format)


def _last(fields: FormFields, name: str) -> str:
    return fields[name][-1] if fields.get(name) else ""


def _several(fields: FormFields, name: str) -> list[str]:
    return fields.get(f"{name}[]", []) + fields.get(name, [])


def _text(fields: FormFields, name: str, max_chars: int) -> str:
    value = _last(fields, name)
    if len(value) > max_chars:
        raise ApiError.invalid(name, f"{name} must have at most {max_chars} characters, not {len(value)}.")
    return value


def _choice(fields: FormFields, name: str, allowed: Collection[str]) -> str:
    value = _last(fields, name)
    if value and value not in allowed:
        raise ApiError.invalid(name, f"{name} must be one of {', '.join(allowed)}.")
    return value


def _temperature(fields: FormFields) -> float | None:
    value = _last(fields, "temperature").strip()
    if not value:
        return None
    if not _NUMBER.fullmatch(value) or not 0 <= float(value) <= 1:
        raise ApiError.invalid("temperature", "temperature must be a number from 0 to 1.")
    return float(value)


def _key_words(fields: FormFields) -> list[str]:
    words = [word for word in _several(fields, "keywords") if word.strip()]
    if len(words) > _MAX_KEY_WORDS:
        raise ApiError.invalid("keywords[]", f"keywords[] must be at most {_MAX_KEY_WORDS}, not {len(words)}.")
    return words


def _granularities(fields: FormFields, response_format: str) -> list[str]:
    name, asked = "timestamp_granularities[]", _several(fields, "timestamp_granularities")
    if any(value not in _GRANULARITIES for value in asked):
        raise ApiError.invalid(name, f"{name} must be word or segment.")
    if asked and response_format != "verbose_json":
        raise ApiError.invalid(name, f"{name} needs response_format verbose_json.")
    return asked
