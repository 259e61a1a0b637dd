"""Reads a multipart form with one file in it; the file goes to disk, never into memory."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import IO

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from antiphon_compat.errors import ApiError
from antiphon_compat.openai.body import in_time, refuse_large, too_large
from antiphon_compat.openai.fields import refuse_nul
from antiphon_compat.openai.spool import open_spool
from antiphon_compat.strict_json import is_encodable

PIECE_BYTES = 64 * 1024
"""Size of the pieces a file is written and read in; also the contract's largest audio message."""

_MAX_PARTS = 512
"""More than all lists of a form may hold together."""
_PLAIN = ("7bit", "8bit", "binary")
_FILE_TYPES = ("audio/", "video/", "application/octet-stream")
# What aiohttp's reader raises on a form that is cut, has no boundary or has broken headers.
_MALFORMED = (ValueError, AssertionError, LookupError, RuntimeError, HttpProcessingError, web.RequestPayloadError)


@dataclasses.dataclass(frozen=True, slots=True)
class FormLimits:
    """What a form may hold, and what it must."""

    max_file_bytes: int
    max_field_bytes: int = 64 * 1024
    """Of one text field."""
    max_text_bytes: int = 4 * 1024 * 1024
    """Of all text fields together."""
    file_name: str = "file"
    """Name of the one field that is a file."""
    is_file_required: bool = True
    """Whether that field must be there, as a file; else it may also be text."""


@dataclasses.dataclass(slots=True)
class UploadForm:
    """A form whose fields may stand before or after its file."""

    file: IO[bytes]
    limits: FormLimits
    fields: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    num_bytes: int = 0
    num_text_bytes: int = 0
    has_file: bool = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """Read the file from its start, ``PIECE_BYTES`` at a time."""
        await asyncio.to_thread(self.file.seek, 0)
        while piece := await asyncio.to_thread(self.file.read, PIECE_BYTES):
            yield piece

    async def content(self) -> bytes:
        """Read the whole file; for files whose limit is small."""
        return b"".join([piece async for piece in self.pieces()])


@contextlib.asynccontextmanager
async def open_form(request: web.Request, *, max_file_bytes: int) -> AsyncIterator[UploadForm]:
    """Read a whole form with a file named ``file``; it is gone from the disk when the context ends.

    Raises:
        ApiError: The form is malformed, too large or too slow, or has no file.
    """
    async with open_limited_form(request, FormLimits(max_file_bytes)) as form:
        yield form


@contextlib.asynccontextmanager
async def open_limited_form(request: web.Request, limits: FormLimits) -> AsyncIterator[UploadForm]:
    """Read a whole form; its file is gone from the disk when the context ends.

    Raises:
        ApiError: The form is malformed, too large or too slow, or a file is missing or not expected.
    """
    if request.content_type != "multipart/form-data":
        raise ApiError("BAD_MEDIA_TYPE", "The body must be a form: send Content-Type: multipart/form-data.")
    refuse_large(request, limits.max_file_bytes + limits.max_text_bytes)
    async with open_spool() as file:
        form = UploadForm(file, limits)
        await _read_parts(request, form)
        _check_file(form)
        yield form


async def _read_parts(request: web.Request, form: UploadForm) -> None:
    try:
        reader = await request.multipart()
        for _ in range(_MAX_PARTS):
            part = await in_time(request, reader.next())
            if part is None:
                return
            if isinstance(part, MultipartReader):
                raise ApiError.invalid(None, "A form inside the form is not understood.")
            await _read_part(request, part, form)
    except _MALFORMED as error:
        raise ApiError.invalid(None, "The multipart form is malformed or cut.") from error
    raise ApiError.invalid(None, f"The form has more than {_MAX_PARTS} parts.")


async def _read_part(request: web.Request, part: BodyPartReader, form: UploadForm) -> None:
    _require_plain(part)
    if part.name == form.limits.file_name and _is_file(part):
        await _spool(request, part, form)
        return
    value = await _text_of(request, part, form)
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise ApiError.invalid(part.name, "A form field is not UTF-8.") from None
    refuse_nul(part.name, text)
    form.fields.setdefault(part.name or "", []).append(text)


def _is_file(part: BodyPartReader) -> bool:
    """Whether a part has a file's name or, from clients that give none, a file's type."""
    kind = part.headers.get("Content-Type", "text/plain").lower()
    return part.filename is not None or kind.startswith(_FILE_TYPES)


def _require_plain(part: BodyPartReader) -> None:
    """Refuse what would otherwise be taken for something it is not: a part without a name, or in a coding.

    Raises:
        ApiError: It is one of these.
    """
    if not part.name:
        raise ApiError.invalid(None, "A part of the form has no name.")
    if not is_encodable(part.name):
        raise ApiError.invalid(None, "A part of the form has a name that is not UTF-8.")
    coding = part.headers.get("Content-Transfer-Encoding", "binary").lower()
    if coding not in _PLAIN or part.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ApiError.invalid(part.name, f"{part.name} must be sent as it is, in no coding.")


async def _text_of(request: web.Request, part: BodyPartReader, form: UploadForm) -> bytearray:
    value, limits = bytearray(), form.limits
    while piece := await in_time(request, part.read_chunk(PIECE_BYTES)):
        value += piece
        form.num_text_bytes += len(piece)
        if len(value) > limits.max_field_bytes:
            raise ApiError.invalid(part.name, _too_long(part, limits))
        if form.num_text_bytes > limits.max_text_bytes:
            raise too_large(limits.max_text_bytes)
    return value


def _too_long(part: BodyPartReader, limits: FormLimits) -> str:
    if _is_file(part):
        return f"The file must be uploaded under the name {limits.file_name}; another name was given."
    return f"A form field is over the limit of {limits.max_field_bytes // 1024} KiB."


async def _spool(request: web.Request, part: BodyPartReader, form: UploadForm) -> None:
    name, max_bytes = form.limits.file_name, form.limits.max_file_bytes
    if form.has_file:
        raise ApiError.invalid(name, f"{name} must be given once.")
    form.has_file = True
    while piece := await in_time(request, part.read_chunk(PIECE_BYTES)):
        form.num_bytes += len(piece)
        if form.num_bytes > max_bytes:
            raise too_large(max_bytes, param=name)
        await asyncio.to_thread(form.file.write, piece)


def _check_file(form: UploadForm) -> None:
    name = form.limits.file_name
    if form.limits.is_file_required:
        if name in form.fields:
            raise ApiError.invalid(name, f"{name} must be an uploaded file, not a text field.")
        if not form.has_file:
            raise ApiError.invalid(name, f"{name} is required: upload an audio file under this name.")
    elif form.has_file and name in form.fields:
        raise ApiError.invalid(name, f"{name} must be given once.")
    if form.has_file and not form.num_bytes:
        raise ApiError("BAD_AUDIO", f"{name} is empty.", param=name)
