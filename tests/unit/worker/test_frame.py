"""Frames come out as they went in, however the bytes are cut, and never over the limit."""

import asyncio
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.worker.channel import open_channel
from antiphon_server.worker.frame import FrameBuffer, FramePacker, FrameTooLarge

SIZES = st.lists(st.one_of(st.integers(0, 50), st.integers(200_000, 600_000)), max_size=5)
CUTS = st.lists(st.one_of(st.integers(1, 9), st.integers(1, 300_000)), max_size=20)


@given(sizes=SIZES, cuts=CUTS)
@settings(max_examples=60, deadline=None)
def test_frames_cut_anywhere_come_out_whole_and_in_order(sizes: list[int], cuts: list[int]):
    packer, buffer = FramePacker(), FrameBuffer()
    stream = memoryview(b"".join(packer.pack({"value": bytes([n % 251]) * size}) for n, size in enumerate(sizes)))
    got: list[bytes] = []
    while stream:
        space = buffer.space()
        num_bytes = min(len(space), cuts.pop() if cuts else len(stream), len(stream))
        assert num_bytes > 0
        space[:num_bytes], stream = stream[:num_bytes], stream[num_bytes:]
        got += [frame["value"] for frame in buffer.received(num_bytes)]
    is_same = got == [bytes([n % 251]) * size for n, size in enumerate(sizes)]
    assert is_same


def test_packing_over_the_limit_is_refused_with_both_numbers():
    with pytest.raises(FrameTooLarge, match=r"over the limit of 100$") as refused:
        FramePacker(100).pack({"value": bytes(200)})
    assert refused.value.num_bytes > 200


async def test_frame_announced_over_the_limit_ends_the_channel_before_its_body():
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    lost = asyncio.Event()
    with theirs:
        channel = await open_channel(ours, lambda frame: pytest.fail(str(frame)), lost.set, max_frame_bytes=1000)
        theirs.send((1001).to_bytes(4, "little"))
        await lost.wait()
    assert isinstance(channel.breach, FrameTooLarge)
    assert not channel.is_open


async def test_bytes_that_are_not_a_frame_end_the_channel():
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    lost = asyncio.Event()
    with theirs:
        channel = await open_channel(ours, lambda frame: pytest.fail(str(frame)), lost.set)
        theirs.send((1).to_bytes(4, "little") + b"\xc1")
        await lost.wait()
    assert isinstance(channel.breach, ValueError)


async def test_writable_waits_until_the_other_side_reads():
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    with theirs:
        channel = await open_channel(ours, lambda frame: None, lambda: None)
        channel.send({"kind": "call", "value": bytes(4_000_000)})
        writable = asyncio.create_task(channel.writable())
        got = len(await loop.sock_recv(theirs, 65536))
        assert not writable.done()
        while got < 4_000_000:
            got += len(await loop.sock_recv(theirs, 65536))
        await writable
        channel.close()
