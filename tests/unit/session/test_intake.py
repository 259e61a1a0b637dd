"""A file that is kept until it is whole: it is deleted also where its caller leaves in the middle of a write."""

import asyncio
import contextlib
import tempfile
import time

from antiphon_server.session.intake import FileIntake

OVER_MEMORY = bytes(2 << 20)


async def test_caller_who_leaves_while_the_file_moves_to_disk_leaves_none_open(monkeypatch):
    on_disk, real = [], tempfile.TemporaryFile

    def slowly(**options):
        time.sleep(0.05)  # in a thread
        on_disk.append(real(**options))
        return on_disk[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", slowly)
    intake = FileIntake(max_bytes=1 << 24, max_audio_ms=1000)
    pushing = asyncio.create_task(intake.push(OVER_MEMORY))
    await asyncio.sleep(0.01)
    pushing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await pushing
    intake.close()
    async with asyncio.timeout(10):
        while not on_disk or not on_disk[0].closed:
            await asyncio.sleep(0.01)
