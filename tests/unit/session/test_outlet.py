"""The way out of an utterance: nothing is lost, whatever the cut and the format; what is cut short fades."""

import asyncio
import io
import itertools

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.audio.format import Encoding, Format
from antiphon_server.audio.resample import Resampler
from antiphon_server.session.events import AudioOut
from antiphon_server.session.outlet import Outlet

NATIVE_HZ = 24_000
EDGE_MS = 5
COMPRESSED = [Encoding.MP3, Encoding.OGG_OPUS, Encoding.AAC, Encoding.FLAC]


def tone(num_samples: int) -> bytes:
    """400 Hz at nearly half of full scale."""
    return (14_000 * np.sin(np.arange(num_samples) * 2 * np.pi * 400 / NATIVE_HZ)).astype("<i2").tobytes()


def outlet(encoding: Encoding = Encoding.PCM_S16LE, rate_hz: int = NATIVE_HZ) -> Outlet:
    return Outlet("u1", NATIVE_HZ, Format(encoding, rate_hz))


def whole(pcm: bytes, rate_hz: int) -> bytes:
    resampler = Resampler(NATIVE_HZ, rate_hz)
    return resampler.push(pcm) + resampler.finish()


def samples(outs: list[AudioOut]) -> np.ndarray:
    return np.frombuffer(b"".join(out.data for out in outs), "<i2").astype(int)


def decoded(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as file:
        frames = [frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)]
    return np.concatenate(frames)


async def pushed(out: Outlet, pcm: bytes, places: list[int]) -> list[AudioOut]:
    edges = [0, *sorted(2 * place for place in places), len(pcm)]
    outs = [await out.push(pcm[start:end]) for start, end in itertools.pairwise(edges)]
    return [found for found in outs if found]


def check_books(outs: list[AudioOut], out: Outlet) -> None:
    assert [found.sequence for found in outs] == list(range(len(outs)))
    assert [found.first_sample for found in outs] == [sum(o.num_samples for o in outs[:i]) for i in range(len(outs))]
    assert sum(found.num_samples for found in outs) == out.num_announced == out.num_encoded


@given(
    st.lists(st.integers(0, 3_000), max_size=8), st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000]), st.booleans()
)
def test_all_samples_come_out_once_however_they_came_in(places, rate_hz, is_settled):
    async def run() -> list[AudioOut]:
        out = outlet(rate_hz=rate_hz)
        outs = await pushed(out, tone(3_000), places)
        if is_settled:
            outs += filter(None, [await out.settle()])
        outs += filter(None, [await out.finish()])
        check_books(outs, out)
        return outs

    assert b"".join(found.data for found in asyncio.run(run())) == whole(tone(3_000), rate_hz)


@given(st.lists(st.integers(0, 3_000), max_size=8), st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000]))
def test_what_is_cut_goes_on_for_5_ms_and_falls_silent(places, rate_hz):
    async def run() -> tuple[list[AudioOut], list[AudioOut]]:
        out = outlet(rate_hz=rate_hz)
        before = await pushed(out, tone(3_000), places)
        last = await out.cut()
        after = list(filter(None, [last]))
        check_books([*before, *after], out)
        return before, after

    before, after = asyncio.run(run())
    assert len(after) == bool(before)
    if before:
        fade = rate_hz * EDGE_MS // 1000
        assert after[0].num_samples == fade
        there, true = (
            samples([*before, *after]),
            np.frombuffer(whole(tone(3_000), rate_hz), "<i2")[: len(samples(before)) + fade],
        )
        assert (there[:-fade] == true[:-fade]).all()
        assert (np.abs(there) <= np.abs(true.astype(int))).all()
        assert there[-1] == 0
        assert np.abs(np.diff(there, 2)).max() <= 2 * np.abs(np.diff(true.astype(int), 2)).max() + 2, "no click"


async def test_a_segment_that_was_cut_fades_and_the_next_goes_on():
    out = outlet()
    outs = [
        await out.push(tone(2_400)),
        await out.settle(is_cut=True),
        await out.push(bytes(4_800)),
        await out.finish(),
    ]
    there = samples([found for found in outs if found])
    assert there[2_399] == 0
    assert (
        np.abs(np.diff(there, 2)).max() <= 2 * np.abs(np.diff(np.frombuffer(tone(2_400), "<i2").astype(int), 2)).max()
    )


async def test_nothing_is_said_of_sound_that_never_left():
    out = outlet()
    assert await out.push(tone(100)) is None
    assert await out.cut() is None
    assert out.num_announced == 0


@pytest.mark.parametrize("encoding", COMPRESSED)
async def test_a_cut_file_is_whole_and_its_end_can_be_heard(encoding):
    out = outlet(encoding)
    outs = await pushed(out, tone(24_000), list(range(960, 24_000, 960)))
    outs += filter(None, [await out.cut()])
    check_books(outs, out)
    sound = decoded(b"".join(found.data for found in outs))
    num_samples = out.num_announced * (2 if encoding is Encoding.OGG_OPUS else 1)  # Opus is decoded at 48 000 Hz
    assert num_samples == 24_000 * (2 if encoding is Encoding.OGG_OPUS else 1)
    assert len(sound) >= num_samples


@pytest.mark.parametrize("encoding", COMPRESSED)
@pytest.mark.parametrize("is_at_end", [False, True])
async def test_samples_that_were_being_compressed_when_the_work_was_cancelled_are_not_lost(encoding, is_at_end):
    out = outlet(encoding)
    first = await out.push(tone(12_000))
    working = asyncio.create_task(out.finish() if is_at_end else out.push(tone(12_000)))
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    last = await out.cut()
    assert first is not None
    assert last is not None
    check_books([first, last], out)
    assert out.num_announced == (12_000 if is_at_end else 24_000)
    assert len(decoded(first.data + last.data)) >= out.num_announced
    assert await out.cut() is None


@pytest.mark.parametrize("encoding", COMPRESSED)
async def test_the_loop_turns_while_samples_are_compressed(encoding):
    out = outlet(encoding)
    working = asyncio.create_task(out.push(tone(24_000 * 10)))
    turns = 0
    while not working.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
