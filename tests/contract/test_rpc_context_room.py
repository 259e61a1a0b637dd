"""Earlier turns that cannot fit the model: refused by their lengths, with the numbers, before any is encoded."""

import array
import math

import pytest

from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from antiphon.speech.v1 import synthesis_service_pb2 as pb
from support.fronts import running_front, scripted_engines
from support.refusals import check_good_call, refused, speak_once, wav
from support.scripted_cloning import cloning_synthesizer

RATE_HZ = 16_000
TWO_SECONDS = wav(array.array("h", [round(9_000 * math.sin(n / 7)) for n in range(2 * RATE_HZ)]).tobytes())
ROOM = 300
"""Positions of the scripted model; a turn of two seconds and two words takes 50 + 9 + 2 of them."""


def engines(max_positions: int = ROOM):
    found = scripted_engines()
    found.synthesizer = cloning_synthesizer(max_positions=max_positions)
    return found


def turns(number: int, **audio):
    return [{"text": "Said before.", "audio": audio or {"audio": TWO_SECONDS}}] * number


@pytest.mark.parametrize("number", [5, 64])
async def test_turns_that_cannot_fit_are_refused_before_any_is_encoded(number):
    async with running_front(engines()) as front:
        found = await speak_once(front, previous_turns=turns(number))
        assert (found.reason, found.fields) == ("CONTEXT_OVERFLOW", ["config.previous_turns"])
        for word in (f"take {number * 61} positions", f"{number} turns", f"{number * 2}.0 s", str(ROOM)):
            assert word in found.message
        assert not front.engines.synthesizer.clips
        await check_good_call(front)


async def test_every_kind_of_call_is_refused_alike():
    config = {"previous_turns": turns(5)}
    async with running_front(engines()) as front:
        stream = await refused(front.synthesis.Synthesize(), pb.SynthesizeRequest(config=config))
        talk = await refused(
            front.conversation.Converse(), talk_pb.ConverseRequest(config={"synthesis": config, "scenario_id": ""})
        )
        assert [found.reason for found in (stream, talk)] == ["CONTEXT_OVERFLOW"] * 2
        assert [found.fields for found in (stream, talk)] == [
            ["config.previous_turns"],
            ["config.synthesis.previous_turns"],
        ]
        assert not front.engines.synthesizer.clips


async def test_codes_count_as_clips_do():
    codes = {"codes": {"codes": [*range(8)] * 50, "num_codebooks": 8}}
    async with running_front(engines()) as front:
        found = await speak_once(front, previous_turns=turns(5, **codes))
        assert (found.reason, found.fields) == ("CONTEXT_OVERFLOW", ["config.previous_turns"])
        assert "take 305 positions" in found.message


@pytest.mark.parametrize(("number", "room"), [(4, ROOM), (5, 0)])
async def test_turns_that_may_fit_are_left_to_the_model(number, room):
    async with running_front(engines(room)) as front:
        request = pb.SynthesizeOnceRequest(text="Hello.", config={"previous_turns": turns(number)})
        assert [response async for response in front.synthesis.SynthesizeOnce(request, timeout=20)]
        assert len(front.engines.synthesizer.jobs[0].previous) == number
