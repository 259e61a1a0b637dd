"""References of a speech request: ``ref_audio``, ``references``, ``reference_codes``.

A clip is what the caller sent and nothing else: no address is fetched and no file of this machine is opened.
"""

import dataclasses
from collections.abc import Iterator, Mapping

from antiphon.speech.v1 import report_pb2, voice_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.clips import read_clip
from antiphon_compat.openai.fields import Fields, kind_of
from antiphon_compat.openai.reference_codes import read_codes
from antiphon_compat.openai.unknown_fields import ignored, unknown_fields

SOURCES = ("ref_audio", "references", "reference_codes")
"""Fields that name a voice by example; a request has at most one of them."""
VOICE_FIELDS = ("voice", *SOURCES, "ref_text", "reference_text")
"""Fields that say together whose voice it is."""

_MAX_TRANSCRIPT_CHARS = 5000
_MAX_MEDIA_TYPE_CHARS = 256
_MAX_REFERENCES = 8
_ANY_WEIGHT = 1e9
_CLIP_KEYS = ("audio_path", "ref_audio", "audio", "data")
_SOURCE_KEYS = (*_CLIP_KEYS, "reference_codes")
_KNOWN_KEYS = (*_SOURCE_KEYS, "media_type", "text", "weight")
_MEANT = {"ref_text": "text", "reference_text": "text", "transcript": "text", "codes": "reference_codes"}


@dataclasses.dataclass(frozen=True, slots=True)
class References:
    """What a voice is to be conditioned on, in the contract's words."""

    source: str = ""
    """The field of ``SOURCES`` that was read; empty if none is given."""
    clips: tuple[voice_pb2.VoiceReference, ...] = ()
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Paths of the contract, without ``config.``, and the fields they came from."""
    notices: tuple[report_pb2.CallWarning, ...] = ()
    """Parts of an entry that have no effect."""


def has_references(fields: Fields) -> bool:
    """Whether there is something to read, which can be megabytes."""
    return any(fields.raw(name) is not None for name in SOURCES)


def read_references(fields: Fields) -> References:
    """Read the one field that gives references; the server decides whether its model can clone.

    Raises:
        ApiError: A clip or a code is malformed or too large, or more than one field gives one.
    """
    # Checked beside nothing too: a wrong field is an error whether or not it would have had an effect.
    for name in ("ref_text", "reference_text"):
        fields.text(name, max_chars=_MAX_TRANSCRIPT_CHARS)
    given = [name for name in SOURCES if fields.raw(name) is not None]
    if len(given) > 1:
        raise ApiError.invalid(given[1], f"{given[0]} and {given[1]} exclude each other; leave one out.")
    if not given:
        return References()
    if given[0] == "references":
        return _listed(fields.raw("references"))
    return _single(given[0], "ref_text" if given[0] == "ref_audio" else "reference_text", fields)


def _single(source: str, text: str, fields: Fields) -> References:
    clip = _reference(source, text, fields, is_codes=source == "reference_codes")
    return References(source, (clip,), {"references": source, **_names(0, source, source, text)})


def _listed(listed: object) -> References:
    if not isinstance(listed, list):
        raise ApiError.invalid("references", f"references must be an array of objects, not {kind_of(listed)}.")
    if len(listed) > _MAX_REFERENCES:
        message = f"references must have at most {_MAX_REFERENCES} entries, not {len(listed)}."
        raise ApiError.invalid("references", message)
    clips: list[voice_pb2.VoiceReference] = []
    names: dict[str, str] = {}
    notices: list[report_pb2.CallWarning] = []
    for index, given in enumerate(listed):
        name = f"references[{index}]"
        if not isinstance(given, dict):
            raise ApiError.invalid(name, f"{name} must be an object, not {kind_of(given)}.")
        entry = Fields({f"{name}.{key}": value for key, value in given.items()})  # so that errors name the whole path
        source, text = _entry_source(name, entry), f"{name}.text"
        clips.append(_reference(source, text, entry, is_codes=source.endswith(".reference_codes")))
        names |= _names(index, name, source, text)
        notices += _entry_notices(name, entry)
    return References("references", tuple(clips), names, tuple(notices))


def _entry_source(name: str, entry: Fields) -> str:
    given = [path for key in _SOURCE_KEYS if entry.raw(path := f"{name}.{key}") is not None]
    if not given:
        message = f"{name} must have its clip as {', '.join(_CLIP_KEYS)} or its codes as reference_codes."
        raise ApiError.invalid(f"{name}.audio_path", message)
    if len(given) > 1:
        raise ApiError.invalid(given[1], f"{given[0]} and {given[1]} exclude each other; leave one out.")
    return given[0]


def _entry_notices(name: str, entry: Fields) -> Iterator[report_pb2.CallWarning]:
    entry.text(f"{name}.media_type", max_chars=_MAX_MEDIA_TYPE_CHARS)
    if entry.number(f"{name}.weight", -_ANY_WEIGHT, _ANY_WEIGHT) is not None:
        yield ignored(f"{name}.weight", f"{name}.weight has no effect: voices are not mixed.")
    keys = [given.removeprefix(f"{name}.") for given in entry.names]
    for warning in unknown_fields((key for key in keys if key not in _KNOWN_KEYS), _KNOWN_KEYS, _MEANT, ()):
        yield ignored(f"{name}.{warning.field}", warning.message)


def _reference(source: str, text: str, fields: Fields, *, is_codes: bool) -> voice_pb2.VoiceReference:
    transcript = fields.text(text, max_chars=_MAX_TRANSCRIPT_CHARS) or ""
    if is_codes:
        return voice_pb2.VoiceReference(codes=read_codes(source, fields.raw(source)), transcript=transcript)
    return voice_pb2.VoiceReference(audio=read_clip(source, fields.raw(source)), transcript=transcript)


def _names(index: int, whole: str, source: str, text: str) -> dict[str, str]:
    path = f"references[{index}]"
    return {path: whole, f"{path}.audio": source, f"{path}.codes": source, f"{path}.transcript": text}
