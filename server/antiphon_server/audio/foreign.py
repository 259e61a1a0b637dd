"""Files that are plainly no sound, told apart so that the caller hears what was sent in place of it."""

from typing import BinaryIO

from antiphon_server.errors import BadAudio

_HEAD_BYTES = 1_024
_SIGNATURES = {
    b"PK\x03\x04": "a ZIP archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x1f\x8b\x08": "a gzip file",
    b"%PDF-": "a PDF document",
    b"\x89PNG\r\n\x1a\n": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"MThd": "a MIDI file, which holds notes",
    b"RIFX": "a big-endian WAV (RIFX)",
}
_PAGES = (b"<!doctype html", b"<html")
_BREAKS = b"\t\n\f\r"


def check_not_foreign(file: BinaryIO) -> None:
    """Refuse archives, documents, pictures, web pages and other text. Leaves the file at its beginning.

    Raises:
        BadAudio: If it is one of these.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    kind = next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), None)
    kind = kind or _kind_of_text(head)
    if kind is not None:
        raise BadAudio(f"audio is of no kind that can be read: the file is {kind}", field="audio")


def _kind_of_text(head: bytes) -> str | None:
    if not head or any(byte < 32 and byte not in _BREAKS for byte in head):
        return None
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if len(head) - error.start > 3:  # a letter cut by the end of the head is a letter
            return None
    return "an HTML page" if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES) else "text"
