"""Reference clips of a speech request: ``ref_audio``, ``references``, ``reference_codes``."""

import base64
import binascii

from antiphon.speech.v1 import voice_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import Fields, checked_text, kind_of
from antiphon_compat.settings import MIB

_MAX_AUDIO_BYTES = 10 * MIB
_MAX_BASE64_CHARS = _MAX_AUDIO_BYTES * 4 // 3 + 1024
_MAX_TRANSCRIPT_CHARS = 5000
_MAX_URI_CHARS = 4096
_MAX_REFERENCES = 8
_NUM_CODEBOOKS = 8
_MAX_CODE = 1023


def read_references(fields: Fields) -> list[voice_pb2.VoiceReference]:
    """Collect what the voice is to be conditioned on; the server decides whether its model can.

    Raises:
        ApiError: A clip is malformed or too large.
    """
    found = []
    if (clip := fields.raw("ref_audio")) is not None:
        found.append(_from_clip("ref_audio", clip, fields.text("ref_text", max_chars=_MAX_TRANSCRIPT_CHARS)))
    if (codes := fields.raw("reference_codes")) is not None:
        transcript = fields.text("reference_text", max_chars=_MAX_TRANSCRIPT_CHARS)
        found.append(voice_pb2.VoiceReference(codes=_codes(codes), transcript=transcript or ""))
    return found + _listed(fields.raw("references"))


def _listed(listed: object) -> list[voice_pb2.VoiceReference]:
    if listed is None:
        return []
    if not isinstance(listed, list) or len(listed) > _MAX_REFERENCES:
        raise ApiError.invalid("references", f"references must be an array of at most {_MAX_REFERENCES} objects.")
    found = []
    for index, entry in enumerate(listed):
        name = f"references[{index}]"
        if not isinstance(entry, dict):
            raise ApiError.invalid(name, f"{name} must be an object, not {kind_of(entry)}.")
        clip = entry.get("audio_path") or entry.get("audio")
        text = Fields(entry).text("text", max_chars=_MAX_TRANSCRIPT_CHARS)
        found.append(_from_clip(f"{name}.audio_path", clip, text))
    return found


def _from_clip(name: str, clip: object, transcript: str | None) -> voice_pb2.VoiceReference:
    source = checked_text(name, clip, max_chars=_MAX_BASE64_CHARS)
    if source.startswith(("http://", "https://")):
        if len(source) > _MAX_URI_CHARS:
            raise ApiError.invalid(name, f"{name} must be an address of at most {_MAX_URI_CHARS} characters.")
        return voice_pb2.VoiceReference(uri=source, transcript=transcript or "")
    encoded = source.partition(",")[2] if source.startswith("data:") else source
    # A path of this machine ends here too: it is not base64, and no file is ever opened for a caller.
    return voice_pb2.VoiceReference(audio=_decoded(name, encoded), transcript=transcript or "")


def _decoded(name: str, encoded: str) -> bytes:
    try:
        audio = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ApiError.invalid(name, f"{name} must be an address, a data URI or base64 audio.") from None
    if not audio:
        raise ApiError("BAD_AUDIO", f"{name} is empty.", param=name)
    if len(audio) > _MAX_AUDIO_BYTES:
        raise ApiError("BODY_TOO_LARGE", f"{name} is over the limit of {_MAX_AUDIO_BYTES // MIB} MiB.", param=name)
    return audio


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
