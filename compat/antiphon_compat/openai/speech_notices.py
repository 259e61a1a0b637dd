"""Fields of a speech request that will not do what their sender expects: refused or reported, never just dropped."""

from collections.abc import Iterator

from antiphon.speech.v1 import report_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import Fields, kind_of
from antiphon_compat.openai.unknown_fields import ignored, unknown_fields

KNOWN_FIELDS = (
    "input",
    "model",
    "voice",
    "instructions",
    "response_format",
    "speed",
    "stream",
    "stream_format",
    "language",
    "sample_rate",
    "ref_audio",
    "ref_text",
    "references",
    "reference_codes",
    "reference_text",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "max_new_tokens",
    "initial_codec_chunk_frames",
    "options",
    "tn",
    "tn_language",
)
"""Every field of the API that is read."""

WORD_TIME_FIELDS = ("word_timestamps", "return_timestamps", "timestamp_granularities", "timestamps", "word_timing")
"""Names other servers have for times of words in speech."""

_MEANT = {
    "text": "input",
    "format": "response_format",
    "audio_format": "response_format",
    "output_format": "response_format",
    "speaker": "voice",
    "voice_id": "voice",
    "voice_name": "voice",
    "reference_audio": "ref_audio",
}
_FOREIGN = (
    "task_type",
    "x_vector_only_mode",
    "non_streaming_mode",
    "lang_code",
    "normalization_options",
    "volume_multiplier",
    "return_download_link",
    "download_format",
    "repetition_penalty",
    "stream_audio",
    "volume",
    "pitch",
    "emotion",
    "style",
    "exaggeration",
    "cfg_weight",
)
_ENVELOPE = ("extra_body", "items", "type", "split_granularity")


def refuse_word_times(fields: Fields) -> None:
    """Refuse a request for times of words; sound without them would look like an answer to it.

    Raises:
        ApiError: One is asked for.
    """
    for name in WORD_TIME_FIELDS:
        if fields.raw(name):
            message = f"{name}: no model of this server gives times of words in speech; leave it out."
            raise ApiError("UNSUPPORTED_FEATURE", message, param=name)


def speech_notices(fields: Fields, *, is_voice_ignored: bool) -> tuple[report_pb2.CallWarning, ...]:
    """Name the given fields that have no effect.

    Args:
        fields: The request.
        is_voice_ignored: Whether a voice was named beside ``references`` or ``reference_codes``, which win.

    Raises:
        ApiError: ``tn`` is neither a boolean nor a name, or ``tn_language`` no string.
    """
    found = []
    if is_voice_ignored:
        found.append(ignored("voice", "voice has no effect beside references or reference_codes."))
    found += _normalization(fields)
    for name, owner in (("ref_text", "ref_audio"), ("reference_text", "reference_codes")):
        if fields.raw(name) is not None and fields.raw(owner) is None:
            found.append(ignored(name, f"{name} has no effect without {owner}."))
    return (*found, *_unknown(fields))


def _normalization(fields: Fields) -> Iterator[report_pb2.CallWarning]:
    if not isinstance(fields.raw("tn"), bool | str | None):
        raise ApiError.invalid("tn", f"tn must be true or false, not {kind_of(fields.raw('tn'))}.")
    fields.text("tn_language", max_chars=35)
    for name in ("tn", "tn_language"):
        if fields.raw(name) is not None:
            message = f"{name} has no effect: the model reads numbers and abbreviations in its own way."
            yield ignored(name, message)


def _unknown(fields: Fields) -> Iterator[report_pb2.CallWarning]:
    read = (*KNOWN_FIELDS, *_ENVELOPE, *WORD_TIME_FIELDS)
    return unknown_fields((name for name in fields.names if name not in read), KNOWN_FIELDS, _MEANT, _FOREIGN)
