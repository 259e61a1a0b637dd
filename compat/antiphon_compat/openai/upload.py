"""Reads a multipart form with one file in it; the file goes to disk, never into memory."""

import asyncio
import contextlib
import dataclasses
import tempfile
from collections.abc import AsyncIterator
from typing import IO

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from antiphon_compat.errors import ApiError
from antiphon_compat.openai.body import in_time, refuse_large, too_large

PIECE_BYTES = 64 * 1024
"""Size of the pieces a file is written and read in; also the contract's largest audio message."""

_MAX_FIELD_BYTES = 64 * 1024
_MAX_PARTS = 64
_FILE = "file"
# What aiohttp's reader raises on a form that is cut, has no boundary or has broken headers.
_MALFORMED = (ValueError, AssertionError, LookupError, RuntimeError, HttpProcessingError, web.RequestPayloadError)


@dataclasses.dataclass(slots=True)
class UploadForm:
    """A form whose fields may stand before or after its file."""

    file: IO[bytes]
    fields: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    num_bytes: int = 0
    has_file: bool = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """Read the file from its start, ``PIECE_BYTES`` at a time."""
        await asyncio.to_thread(self.file.seek, 0)
        while piece := await asyncio.to_thread(self.file.read, PIECE_BYTES):
            yield piece


@contextlib.asynccontextmanager
async def open_form(request: web.Request, *, max_file_bytes: int) -> AsyncIterator[UploadForm]:
    """Read the whole form; its file is gone from the disk when the context ends.

    Raises:
        ApiError: The form is malformed, too large or too slow, or has no file.
    """
    if request.content_type != "multipart/form-data":
        raise ApiError("BAD_MEDIA_TYPE", "The body must be a form: send Content-Type: multipart/form-data.")
    refuse_large(request, max_file_bytes + _MAX_PARTS * _MAX_FIELD_BYTES)
    file = await asyncio.to_thread(tempfile.TemporaryFile)
    try:
        form = UploadForm(file)
        await _read_parts(request, form, max_file_bytes)
        _require_file(form)
        yield form
    finally:
        await asyncio.to_thread(file.close)


async def _read_parts(request: web.Request, form: UploadForm, max_file_bytes: int) -> None:
    try:
        reader = await request.multipart()
        for _ in range(_MAX_PARTS):
            part = await in_time(request, reader.next())
            if part is None:
                return
            if isinstance(part, MultipartReader):
                raise ApiError.invalid(None, "A form inside the form is not understood.")
            await _read_part(request, part, form=form, max_file_bytes=max_file_bytes)
    except _MALFORMED as error:
        raise ApiError.invalid(None, "The multipart form is malformed or cut.") from error
    raise ApiError.invalid(None, f"The form has more than {_MAX_PARTS} parts.")


async def _read_part(request: web.Request, part: BodyPartReader, *, form: UploadForm, max_file_bytes: int) -> None:
    if part.name == _FILE and part.filename is not None:
        if form.has_file:
            raise ApiError.invalid(_FILE, "file must be given once.")
        form.has_file = True
        await _spool(request, part, form=form, max_file_bytes=max_file_bytes)
        return
    value = bytearray()
    while piece := await in_time(request, part.read_chunk(PIECE_BYTES)):
        value += piece
        if len(value) > _MAX_FIELD_BYTES:
            raise ApiError.invalid(part.name, f"A form field is over the limit of {_MAX_FIELD_BYTES // 1024} KiB.")
    try:
        form.fields.setdefault(part.name or "", []).append(value.decode("utf-8"))
    except UnicodeDecodeError:
        raise ApiError.invalid(part.name, "A form field is not UTF-8.") from None


async def _spool(request: web.Request, part: BodyPartReader, *, form: UploadForm, max_file_bytes: int) -> None:
    while piece := await in_time(request, part.read_chunk(PIECE_BYTES)):
        form.num_bytes += len(piece)
        if form.num_bytes > max_file_bytes:
            raise too_large(max_file_bytes, param=_FILE)
        await asyncio.to_thread(form.file.write, piece)


def _require_file(form: UploadForm) -> None:
    if _FILE in form.fields:
        raise ApiError.invalid(_FILE, "file must be an uploaded file, not a text field.")
    if not form.has_file:
        raise ApiError.invalid(_FILE, "file is required: upload an audio file under this name.")
    if not form.num_bytes:
        raise ApiError("BAD_AUDIO", "file is empty.", param=_FILE)
