"""``chunking_strategy``: who decides where the audio is cut."""

from antiphon.speech.v1 import transcription_service_pb2
from antiphon_compat import strict_json
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import Fields, kind_of
from antiphon_compat.openai.form_fields import FormFields, parsed_number

_NAME = "chunking_strategy"
_AUTO, _SERVER_VAD = "auto", "server_vad"
_MAX_CHARS = 4096
_NUMBERS = ("prefix_padding_ms", "silence_duration_ms", "threshold")
_KEYS = ("type", *_NUMBERS)
_PADDING_MS = (0, 2000)
_SILENCE_MS = (100, 10_000)
_WIDEST = (-1e9, 1e9)  # of any number in a form field; its own range is checked where objects' are


def read_chunking(fields: FormFields) -> transcription_service_pb2.EndpointConfig:
    """Read the field as ``auto``, as a JSON object or as one form field a key; absent means ``auto``.

    Raises:
        ApiError: It is none of these, a value is out of range, or a key is unknown.
    """
    parts = _parts(fields)
    unknown = sorted(set(parts) - set(_KEYS))
    if unknown:
        raise ApiError.invalid(_NAME, f"{_NAME} has the keys {', '.join(_KEYS)}; another one was given.")
    if not parts:
        return transcription_service_pb2.EndpointConfig()
    kind = parts.get("type")
    if kind == _AUTO and len(parts) == 1:
        return transcription_service_pb2.EndpointConfig()
    if kind != _SERVER_VAD:
        raise ApiError.invalid(_NAME, f"{_NAME} must be {_AUTO} or an object whose type is {_SERVER_VAD}.")
    return _endpoint(Fields({f"{_NAME}.{key}": value for key, value in parts.items()}))


def _endpoint(values: Fields) -> transcription_service_pb2.EndpointConfig:
    return transcription_service_pb2.EndpointConfig(
        mode=transcription_service_pb2.ENDPOINT_MODE_VOICE_ACTIVITY,
        threshold=values.number(f"{_NAME}.threshold", 0.0, 1.0),
        silence_ms=values.whole(f"{_NAME}.silence_duration_ms", *_SILENCE_MS),
        prefix_padding_ms=values.whole(f"{_NAME}.prefix_padding_ms", *_PADDING_MS),
    )


def _parts(fields: FormFields) -> dict[str, object]:
    text, keyed = fields.text(_NAME, max_chars=_MAX_CHARS).strip(), fields.keyed(_NAME)
    if text and keyed:
        raise ApiError.invalid(_NAME, f"{_NAME} must be given whole or one key a field, not both.")
    if keyed:
        return {key: _typed(key, value) for key, value in keyed.items() if value.strip()}
    return _whole(text)


def _typed(key: str, value: str) -> object:
    is_number = key in _NUMBERS
    return parsed_number(f"{_NAME}.{key}", value.strip(), *_WIDEST) if is_number else value


def _whole(text: str) -> dict[str, object]:
    if not text or text == _AUTO:
        return {"type": _AUTO} if text else {}
    try:
        parsed = strict_json.loads(text)
    except ValueError as error:
        raise ApiError.invalid(_NAME, f"{_NAME} must be {_AUTO} or a JSON object: {error}.") from error
    if parsed == _AUTO:
        return {"type": _AUTO}
    if not isinstance(parsed, dict):
        raise ApiError.invalid(_NAME, f"{_NAME} must be {_AUTO} or an object, not {kind_of(parsed)}.")
    return {key: value for key, value in parsed.items() if value is not None}
