"""VoiceReference in, ReferenceSource out: everything that can be checked before anything is decoded."""

import struct

from antiphon.speech.v1 import voice_pb2 as pb
from antiphon_server.audio.clip import check_size
from antiphon_server.audio.format import Encoding
from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.errors import BadAudio, BodyTooLarge, InvalidField, NotBuilt, UnsupportedFeature
from antiphon_server.rpc.checks import at_most, in_range
from antiphon_server.rpc.formats import input_format
from antiphon_server.session.cloning import ReferenceSource, at_field

MAX_TRANSCRIPT = 5_000
_MAX_FRAMES = 2_500
"""100 s."""
_MAX_CODE = 1_023


def read_reference(message: pb.VoiceReference, info: EngineInfo, path: str) -> ReferenceSource:
    """Check a reference without decoding it.

    Raises:
        InvalidField: If it has no source, codes that cannot be, or a transcript that is too long.
        BadAudio, BodyTooLarge: If its clip is empty or too large.
        UnsupportedFeature: If it is an address, or codes of a model without codec frames.
        NotBuilt: If it is an uploaded file.
    """
    at_most(f"{path}.transcript", message.transcript, MAX_TRANSCRIPT, "characters")
    kind = message.WhichOneof("source")
    match kind:
        case "audio":
            return _clip(message, f"{path}.audio", path)
        case "codes":
            codes = _read_codes(message.codes, info, f"{path}.codes")
            return ReferenceSource(f"{path}.codes", _said(message), codes=codes)
        case "uri":
            raise UnsupportedFeature(
                f"{path}.uri: this server fetches nothing; send the file's bytes as audio", field=f"{path}.uri"
            )
        case "file_id":
            raise NotBuilt(f"{path}.file_id: files are not stored yet; send audio inside the call")
    raise InvalidField(f"{path} must have audio or codes; it has neither", field=path)


def _clip(message: pb.VoiceReference, field: str, path: str) -> ReferenceSource:
    found = input_format(message.format, f"{path}.format", Encoding.CONTAINER)
    try:
        check_size(message.audio)
    except (BadAudio, BodyTooLarge) as error:
        raise at_field(error, field) from None
    return ReferenceSource(field, _said(message), clip=message.audio, format=found)


def _said(message: pb.VoiceReference) -> str:
    return message.transcript if message.transcript.strip() else ""


def _read_codes(message: pb.ReferenceCodes, info: EngineInfo, path: str) -> bytes:
    """Check codes and lay them out as SpeechReference has them."""
    if not info.num_codebooks:
        raise UnsupportedFeature(f"{path}: {info.model} has no codec codes; send audio", field=path)
    _check_shape(len(message.codes), message.num_codebooks, info, path)
    if min(message.codes) < 0 or max(message.codes) > _MAX_CODE:
        at = next(index for index, code in enumerate(message.codes) if not 0 <= code <= _MAX_CODE)
        in_range(f"{path}.codes[{at}]", message.codes[at], 0, _MAX_CODE)
    return struct.pack(f"<{len(message.codes)}H", *message.codes)


def _check_shape(num_codes: int, given: int, info: EngineInfo, path: str) -> None:
    width = info.num_codebooks
    if given != width:
        is_turned = given > 0 and num_codes == width * given
        hint = f"; codes go frame after frame: send them as [T, {width}], not [{width}, T]" if is_turned else ""
        field = f"{path}.num_codebooks"
        raise InvalidField(f"{field} must be {width}, as {info.model} has, not {given}{hint}", field=field)
    if num_codes % width:
        raise InvalidField(
            f"{path}.codes must be {width} codes for each frame; {num_codes} is no multiple of {width}",
            field=f"{path}.codes",
        )
    if not width <= num_codes <= width * _MAX_FRAMES:
        raise InvalidField(
            f"{path}.codes must be 1 to {_MAX_FRAMES} frames of {width} codes, not {num_codes // width}",
            field=f"{path}.codes",
        )
