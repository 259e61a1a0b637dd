"""The form of ``POST /v1/audio/speech``: the same fields as in JSON, as text, and ``ref_audio`` perhaps as a file."""

import asyncio

from aiohttp import web

from antiphon_compat import strict_json
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.body import with_extra_body
from antiphon_compat.openai.clips import MAX_CLIP_BYTES
from antiphon_compat.openai.fields import Fields
from antiphon_compat.openai.upload import FormLimits, open_limited_form
from antiphon_compat.settings import CONFIG_KEY, MIB

_FILE = "ref_audio"
_NUMBERS = (
    "speed",
    "sample_rate",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "max_new_tokens",
    "initial_codec_chunk_frames",
)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_DOCUMENTS = ("references", "reference_codes", "options", "extra_body")


async def read_speech_form(request: web.Request) -> Fields:
    """Read a form; an empty text field is not given.

    Raises:
        ApiError: The form is malformed, too large or too slow, or a field is not of its kind.
    """
    max_bytes = request.app[CONFIG_KEY].max_json_mb * MIB
    limits = FormLimits(MAX_CLIP_BYTES, max_bytes, max_bytes, file_name=_FILE, is_file_required=False)
    async with open_limited_form(request, limits) as form:
        values = await asyncio.to_thread(_typed, form.fields)  # reference_codes can be megabytes of JSON
        if form.has_file:
            values[_FILE] = await form.content()
    return Fields(with_extra_body(values))


def _typed(fields: dict[str, list[str]]) -> dict[str, object]:
    return {name: _value(name, given) for name, given in fields.items() if any(given)}


def _value(name: str, given: list[str]) -> object:
    if len(given) > 1:
        raise ApiError.invalid(name, "This form field must be given once.")
    text = given[0]
    if name in _NUMBERS:
        return _number(name, text)
    if name == "stream":
        if text.lower() not in _FLAGS:
            raise ApiError.invalid(name, f"{name} must be true or false.")
        return _FLAGS[text.lower()]
    if name in _DOCUMENTS or (name == "voice" and text.startswith("{")):
        return _document(name, text)
    return text


def _number(name: str, text: str) -> object:
    # As JSON writes numbers: no "1_000", no "nan", no other digits than 0 to 9.
    try:
        value = strict_json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ApiError.invalid(name, f"{name} must be a number.")
    return value


def _document(name: str, text: str) -> object:
    try:
        return strict_json.loads(text)
    except ValueError as error:
        raise ApiError.invalid(name, f"{name} must be JSON in a form: {error}.") from error
