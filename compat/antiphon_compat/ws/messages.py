"""What a client of ``/ws/voice`` sends, checked and said in the contract's words."""

import dataclasses

from antiphon.speech.v1 import audio_pb2, conversation_service_pb2, synthesis_service_pb2, transcription_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import Fields, checked_text, kind_of
from antiphon_compat.openai.language_names import code_of

SAMPLE_RATE_HZ = 16000
"""Rate of what the microphone sends."""

_DEFAULT_SCENARIO = "daily"
_MAX_SCENARIO_CHARS = 256
_MAX_LANGUAGE_CHARS = 35
_MAX_TEXT_BYTES = 32 * 1024
_MAX_HISTORY = 256
_MAX_HISTORY_BYTES = 64 * 1024
_ROLES = {
    "system": conversation_service_pb2.ITEM_ROLE_SYSTEM,
    "user": conversation_service_pb2.ITEM_ROLE_USER,
    "assistant": conversation_service_pb2.ITEM_ROLE_ASSISTANT,
}
_INPUT = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=SAMPLE_RATE_HZ)
_OUTPUT = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=24000)

Config = conversation_service_pb2.ConversationConfig
Item = conversation_service_pb2.ConversationItem


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """Begin a spoken turn."""

    config: Config


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """Take a typed turn."""

    config: Config
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    """The spoken turn is over."""


ClientMessage = Start | Text | Stop


def read_message(raw: str) -> ClientMessage:
    """Check one JSON message.

    Raises:
        ApiError: It is not JSON, of an unknown type, or a field is wrong.
    """
    fields = Fields.parse(raw, whole="message")
    kind = fields.choice("type", ("start", "stop", "text"))
    if kind is None:
        raise ApiError.invalid("type", "type is required: start, stop or text.")
    if kind == "stop":
        return Stop()
    return _start(fields) if kind == "start" else Text(_config(fields), _text(fields))


def _start(fields: Fields) -> Start:
    config = _config(fields)
    config.transcription.language = code_of(fields.text("language", max_chars=_MAX_LANGUAGE_CHARS) or "")
    return Start(config)


def _text(fields: Fields) -> str:
    given = fields.raw("text")
    if given is None:
        raise ApiError.invalid("text", "text is required.")
    text = checked_text("text", given, max_chars=_MAX_TEXT_BYTES)
    if not text.strip():
        raise ApiError("TEXT_EMPTY", "text must not be blank.", param="text")
    if len(text.encode()) > _MAX_TEXT_BYTES:
        raise ApiError("TEXT_TOO_LONG", f"text must have at most {_MAX_TEXT_BYTES} bytes.", param="text")
    return text


def _config(fields: Fields) -> Config:
    return Config(
        scenario_id=fields.text("scenario_id", max_chars=_MAX_SCENARIO_CHARS) or _DEFAULT_SCENARIO,
        history=_history(fields.raw("history")),
        synthesis=synthesis_service_pb2.SynthesisConfig(format=_OUTPUT),
        transcription=transcription_service_pb2.TranscriptionConfig(format=_INPUT),
    )


def _history(given: object) -> list[Item]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise ApiError.invalid("history", f"history must be an array, not {kind_of(given)}.")
    if len(given) > _MAX_HISTORY:
        raise ApiError.invalid("history", f"history must have at most {_MAX_HISTORY} messages, not {len(given)}.")
    items = [_item(f"history[{index}]", entry) for index, entry in enumerate(given)]
    num_bytes = sum(len(item.text.encode()) for item in items)
    if num_bytes > _MAX_HISTORY_BYTES:
        raise ApiError.invalid("history", f"history must have at most {_MAX_HISTORY_BYTES} bytes, not {num_bytes}.")
    # A turn on silence leaves empty messages in a client's list; they say nothing to the chat model.
    return [item for item in items if item.text.strip()]


def _item(name: str, entry: object) -> Item:
    if not isinstance(entry, dict):
        raise ApiError.invalid(name, f"{name} must be an object, not {kind_of(entry)}.")
    role = entry.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise ApiError.invalid(name, f"{name}.role must be one of {', '.join(_ROLES)}.")
    text = checked_text(f"{name}.content", entry.get("content"), max_chars=_MAX_HISTORY_BYTES)
    return Item(role=_ROLES[role], text=text)
