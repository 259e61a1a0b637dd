"""What a running compressor costs: no threads of its own, however many cores there are."""

import os
from pathlib import Path

import pytest

from antiphon_server.audio.compress import Compressor
from antiphon_server.audio.format import Encoding, Format

SECOND = bytes(48_000)


@pytest.mark.parametrize("encoding", [Encoding.MP3, Encoding.OGG_OPUS, Encoding.AAC, Encoding.FLAC])
def test_compressors_start_no_threads(encoding):
    before = num_threads()
    running = [Compressor(Format(encoding, 24_000)) for _ in range(8)]
    assert all(compressor.encode(SECOND) for compressor in running)
    assert num_threads() == before


def num_threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def test_compressors_work_where_nobody_may_choose_cores(monkeypatch):
    def refuse(_pid, _cores):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    compressor = Compressor(Format(Encoding.OGG_OPUS, 24_000))
    assert (compressor.encode(SECOND) + compressor.finish()).startswith(b"OggS")
