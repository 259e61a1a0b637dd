"""A clip inside a request: a data URI, base64, or a file of a form. Never an address, never a path."""

import base64
import binascii
import re

from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import checked_text
from antiphon_compat.settings import MIB

MAX_CLIP_BYTES = 10 * MIB
"""Largest reference clip, decoded."""

_MAX_BASE64_CHARS = MAX_CLIP_BYTES * 4 // 3 + 1024
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def read_clip(name: str, clip: object) -> bytes:
    """Decode a clip; what kind of audio it is shows in its bytes, to the server.

    Args:
        name: The field, for messages.
        clip: As parsed; bytes are a file that was uploaded in a form.

    Raises:
        ApiError: It is empty, over 10 MiB, not base64, an address or a path.
    """
    audio = clip if isinstance(clip, bytes) else _decoded(name, clip)
    if not audio:
        raise ApiError("BAD_AUDIO", f"{name} is empty.", param=name)
    if len(audio) > MAX_CLIP_BYTES:
        raise _too_large(name)
    return audio


def _decoded(name: str, clip: object) -> bytes:
    if isinstance(clip, str) and len(clip) > _MAX_BASE64_CHARS:
        raise _too_large(name)
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


def _too_large(name: str) -> ApiError:
    return ApiError("BODY_TOO_LARGE", f"{name} is over the limit of {MAX_CLIP_BYTES // MIB} MiB.", param=name)
