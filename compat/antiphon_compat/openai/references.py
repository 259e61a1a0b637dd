"""Reference clips of a speech request: ``ref_audio``, ``references``, ``reference_codes``.

A clip is what the caller sent and nothing else: no address is fetched and no file of this machine is opened.
"""

import base64
import binascii
import re

from antiphon.speech.v1 import voice_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import Fields, checked_text, kind_of
from antiphon_compat.settings import MIB

SOURCES = ("ref_audio", "references", "reference_codes")
"""Fields that name a voice by example; a request has at most one of them."""
MAX_CLIP_BYTES = 10 * MIB
"""Largest reference clip, decoded."""

_MAX_BASE64_CHARS = MAX_CLIP_BYTES * 4 // 3 + 1024
_MAX_TRANSCRIPT_CHARS = 5000
_MAX_REFERENCES = 8
_NUM_CODEBOOKS = 8
_MAX_CODE = 1023
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def reference_source(fields: Fields) -> str:
    """Name the field that has something for ``read_references`` to read; empty if none has."""
    return next((name for name in SOURCES if fields.raw(name) is not None), "")


def read_references(fields: Fields) -> list[voice_pb2.VoiceReference]:
    """Collect what the voice is to be conditioned on; the server decides whether its model can.

    Raises:
        ApiError: A clip is malformed or too large, or more than one field gives one.
    """
    # Checked beside nothing too: a wrong field is an error whether or not it would have had an effect.
    clip_text = fields.text("ref_text", max_chars=_MAX_TRANSCRIPT_CHARS)
    codes_text = fields.text("reference_text", max_chars=_MAX_TRANSCRIPT_CHARS)
    given = [name for name in SOURCES if fields.raw(name) is not None]
    if len(given) > 1:
        raise ApiError.invalid(given[1], f"{given[0]} and {given[1]} exclude each other; leave one out.")
    if not given:
        return []
    if given[0] == "ref_audio":
        return [_from_clip("ref_audio", fields.raw("ref_audio"), clip_text)]
    if given[0] == "reference_codes":
        codes = _codes(fields.raw("reference_codes"))
        return [voice_pb2.VoiceReference(codes=codes, transcript=codes_text or "")]
    return _listed(fields.raw("references"))


def _listed(listed: object) -> list[voice_pb2.VoiceReference]:
    if not isinstance(listed, list) or len(listed) > _MAX_REFERENCES:
        raise ApiError.invalid("references", f"references must be an array of at most {_MAX_REFERENCES} objects.")
    found = []
    for index, entry in enumerate(listed):
        name = f"references[{index}]"
        if not isinstance(entry, dict):
            raise ApiError.invalid(name, f"{name} must be an object, not {kind_of(entry)}.")
        key = "audio_path" if entry.get("audio_path") is not None else "audio"
        if entry.get(key) is None:
            raise ApiError.invalid(f"{name}.audio_path", f"{name} must have its clip as audio_path or audio.")
        transcript = entry.get("text")
        if transcript is not None:
            transcript = checked_text(f"{name}.text", transcript, max_chars=_MAX_TRANSCRIPT_CHARS)
        found.append(_from_clip(f"{name}.{key}", entry[key], transcript))
    return found


def _from_clip(name: str, clip: object, transcript: str | None) -> voice_pb2.VoiceReference:
    # Bytes are a file that was uploaded in a form.
    audio = clip if isinstance(clip, bytes) else _decoded(name, clip)
    if not audio:
        raise ApiError("BAD_AUDIO", f"{name} is empty.", param=name)
    if len(audio) > MAX_CLIP_BYTES:
        raise ApiError("BODY_TOO_LARGE", f"{name} is over the limit of {MAX_CLIP_BYTES // MIB} MiB.", param=name)
    return voice_pb2.VoiceReference(audio=audio, transcript=transcript or "")


def _decoded(name: str, clip: object) -> bytes:
    if isinstance(clip, str) and len(clip) > _MAX_BASE64_CHARS:
        raise ApiError("BODY_TOO_LARGE", f"{name} is over the limit of {MAX_CLIP_BYTES // MIB} MiB.", param=name)
    source = checked_text(name, clip, max_chars=_MAX_BASE64_CHARS)
    if _ADDRESS.match(source):
        message = f"{name}: this server fetches no addresses; send the audio itself, as a data URI or base64."
        raise ApiError("UNSUPPORTED_FEATURE", message, param=name)
    encoded = source.partition(",")[2] if source.startswith("data:") else source
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        message = f"{name} must be the audio itself, as a data URI or base64: no path of this machine is opened."
        raise ApiError.invalid(name, message) from None


def _codes(rows: object) -> voice_pb2.ReferenceCodes:
    message = f"reference_codes must be rows of {_NUM_CODEBOOKS} whole numbers from 0 to {_MAX_CODE}."
    if not isinstance(rows, list) or not rows:
        raise ApiError.invalid("reference_codes", message)
    flat: list[int] = []
    for row in rows:
        if not isinstance(row, list) or len(row) != _NUM_CODEBOOKS or not all(_is_code(code) for code in row):
            raise ApiError.invalid("reference_codes", message)
        flat += row
    return voice_pb2.ReferenceCodes(codes=flat, num_codebooks=_NUM_CODEBOOKS)


def _is_code(code: object) -> bool:
    return isinstance(code, int) and not isinstance(code, bool) and 0 <= code <= _MAX_CODE
