"""The fields of a transcription form that have rules of their own."""

from antiphon.speech.v1 import report_pb2
from antiphon_compat import strict_json
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import Fields
from antiphon_compat.openai.form_fields import FormFields
from antiphon_compat.openai.language_names import code_of
from antiphon_compat.openai.options import read_options

RESPONSE_FORMATS = ("json", "text", "verbose_json", "srt", "vtt")
"""The formats that can be answered truthfully."""

TIMED_FORMATS = ("verbose_json", "srt", "vtt")
"""The formats that show when each segment was said."""

SPEAKERS = ("known_speaker_names", "known_speaker_references")
"""Lists that only a model with diarisation could use."""

INCLUDE, GRANULARITIES, KEY_WORDS, LANGUAGES = "include[]", "timestamp_granularities[]", "keywords[]", "languages[]"
MAX_NAME_CHARS = 256
_STREAMED_FORMATS = ("json", "text")
_REPORTED_FORMATS = ("json", "verbose_json")
_DIARIZED = "diarized_json"
_MAX_KEY_WORDS = 256
_MAX_KEY_WORD_CHARS = 128
_MAX_OPTIONS_CHARS = 64 * 1024
_LANGUAGES_IGNORED = report_pb2.CallWarning(
    code=report_pb2.WARNING_CODE_FIELD_IGNORED,
    field="languages",
    message="languages[] with more than one language has no effect: the language is detected among all.",
)


def read_response_format(fields: FormFields) -> str:
    """Read ``response_format``; json if it is not given.

    Raises:
        ApiError: It is unknown, or asks who speaks.
    """
    found = fields.choice("response_format", (*RESPONSE_FORMATS, _DIARIZED)) or "json"
    if found == _DIARIZED:
        message = f"response_format {_DIARIZED} is not offered: no model here tells speakers apart."
        raise ApiError("UNSUPPORTED_FEATURE", message, param="response_format")
    return found


def wants_stream(fields: FormFields, response_format: str) -> bool:
    """Read ``stream``.

    Raises:
        ApiError: It is no boolean, or the format cannot come in pieces.
    """
    found = fields.flag("stream")
    if found and response_format not in _STREAMED_FORMATS:
        raise ApiError.invalid("stream", f"stream needs response_format json or text, not {response_format}.")
    return found


def wants_words(fields: FormFields, response_format: str) -> bool:
    """Read whether ``timestamp_granularities[]`` has word in it.

    Raises:
        ApiError: It holds something unknown, or the format shows no times.
    """
    asked = fields.several("timestamp_granularities")
    if any(value not in ("word", "segment") for value in asked):
        raise ApiError.invalid(GRANULARITIES, f"{GRANULARITIES} must be word or segment.")
    if asked and response_format != "verbose_json":
        message = f"{GRANULARITIES} needs response_format verbose_json, not {response_format}."
        raise ApiError.invalid(GRANULARITIES, message)
    return "word" in asked


def wants_log_probs(fields: FormFields, response_format: str) -> bool:
    """Read whether ``include[]`` has logprobs in it.

    Raises:
        ApiError: It holds something else, or the format has no place for them.
    """
    asked = fields.several("include")
    if any(value != "logprobs" for value in asked):
        raise ApiError.invalid(INCLUDE, f"{INCLUDE} must be logprobs.")
    if asked and response_format != "json":
        raise ApiError.invalid(INCLUDE, f"{INCLUDE} logprobs needs response_format json, not {response_format}.")
    return bool(asked)


def wants_report(fields: FormFields, response_format: str) -> bool:
    """Read ``report``.

    Raises:
        ApiError: It is no boolean, or the format has no place for it.
    """
    found = fields.flag("report")
    if found and response_format not in _REPORTED_FORMATS:
        formats = " or ".join(_REPORTED_FORMATS)
        raise ApiError.invalid("report", f"report needs response_format {formats}, not {response_format}.")
    return found


def read_language(fields: FormFields) -> tuple[str, tuple[report_pb2.CallWarning, ...]]:
    """Read ``language`` or ``languages[]``, codes or English names, and the warnings they give.

    Raises:
        ApiError: Both are given.
    """
    found, several = fields.text("language", max_chars=MAX_NAME_CHARS), fields.several("languages")
    if found and several:
        raise ApiError.invalid(LANGUAGES, "languages[] and language cannot both be given.")
    if len(several) == 1:
        return code_of(several[0]), ()
    return code_of(found), (_LANGUAGES_IGNORED,) if several else ()


def read_form_options(fields: FormFields) -> dict[str, report_pb2.OptionValue]:
    """Read ``options``, an object as JSON; the server knows which names there are.

    Raises:
        ApiError: It is no such object, or a value is of another kind or out of range.
    """
    text = fields.text("options", max_chars=_MAX_OPTIONS_CHARS).strip()
    try:
        return read_options(Fields({"options": strict_json.loads(text)} if text else {}))
    except ValueError as error:
        raise ApiError.invalid("options", f"options must be a JSON object: {error}.") from error


def refuse_speakers(fields: FormFields) -> None:
    """Refuse samples of known speakers.

    Raises:
        ApiError: There are any.
    """
    for name in SPEAKERS:
        if fields.several(name):
            message = f"{name}[] is not offered: no model here tells speakers apart."
            raise ApiError("UNSUPPORTED_FEATURE", message, param=f"{name}[]")


def read_key_words(fields: FormFields) -> list[str]:
    """Read ``keywords[]``.

    Raises:
        ApiError: They are too many or too long.
    """
    words = fields.several("keywords")
    if len(words) > _MAX_KEY_WORDS:
        raise ApiError.invalid(KEY_WORDS, f"keywords[] must be at most {_MAX_KEY_WORDS}, not {len(words)}.")
    longest = max(map(len, words), default=0)
    if longest > _MAX_KEY_WORD_CHARS:
        message = f"keywords[] must have at most {_MAX_KEY_WORD_CHARS} characters each, not {longest}."
        raise ApiError.invalid(KEY_WORDS, message)
    return words
