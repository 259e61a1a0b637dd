"""Bodies far over their limit, sent by the libraries that people use: each gets to see the 413."""

from collections.abc import Iterator

import httpx
import pytest
import requests

GIGABYTE = 1 << 30
PIECE = b"x" * (1 << 16)
NUM_PIECES = GIGABYTE // len(PIECE)
UNREAD_LIMIT = 64 << 20
"""What the system keeps between two programs, and a margin; the limit of a JSON body is 16 MiB."""


class Upload:
    """A gigabyte that knows how much of it was asked for."""

    def __init__(self) -> None:
        self.num_sent = 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(NUM_PIECES):
            self.num_sent += len(PIECE)
            yield PIECE


class SizedUpload(Upload):
    """The same with a length, so that it is announced."""

    def __len__(self) -> int:
        return GIGABYTE


@pytest.mark.parametrize("library", ["requests", "httpx"])
@pytest.mark.parametrize("is_announced", [True, False])
def test_library_sees_why_its_gigabyte_is_refused(compat, library, is_announced):
    upload = SizedUpload() if is_announced else Upload()
    headers = {"Content-Type": "application/json"}
    url = f"{compat.http_url}/v1/audio/speech"
    if library == "requests":
        answer = requests.post(url, data=upload, headers=headers, timeout=60)
    else:
        length = {"Content-Length": str(GIGABYTE)} if is_announced else {}
        answer = httpx.post(url, content=iter(upload), headers=headers | length, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert upload.num_sent < UNREAD_LIMIT
