"""References over gRPC: what is heard of them, and one clear error for each that cannot be."""

import array
import asyncio
import math

import grpc
import pytest

from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from support.fronts import RunningFront, running_front, scripted_engines
from support.refusals import check_good_call, refused, speak_once, wav
from support.scripted_cloning import CloningSynthesizer, cloning_synthesizer, codes_of

PCM = array.array("h", [round(9_000 * math.sin(n / 7)) for n in range(16_000)]).tobytes()
CLIP = wav(PCM)
MULAW = 3
CODES = [*range(8)] * 30


def engines(**script):
    found = scripted_engines()
    found.synthesizer = cloning_synthesizer(**script)
    return found


def engine(front: RunningFront) -> CloningSynthesizer:
    assert isinstance(front.engines.synthesizer, CloningSynthesizer)
    return front.engines.synthesizer


async def speak(front: RunningFront, text: str = "Hello.", **config) -> list[speech_pb.SynthesizeOnceResponse]:
    request = speech_pb.SynthesizeOnceRequest(text=text, config=config)
    return [response async for response in front.synthesis.SynthesizeOnce(request, timeout=20)]


def ref(**fields):
    return {"references": [fields]}


def coded(codes, num_codebooks=8, **fields):
    return ref(codes={"codes": codes, "num_codebooks": num_codebooks}, **fields)


AT = "config.references[0]"
BAD = [
    (ref(), "INVALID_FIELD", AT, ["audio or codes"]),
    (ref(transcript="Hello."), "INVALID_FIELD", AT, ["audio or codes"]),
    (ref(audio=b""), "BAD_AUDIO", f"{AT}.audio", ["0 bytes"]),
    (ref(audio=bytes(10 * 2**20 + 1)), "BODY_TOO_LARGE", f"{AT}.audio", ["10485760", "10485761"]),
    (ref(audio=b"#!/bin/sh\n" * 99), "BAD_AUDIO", f"{AT}.audio", []),
    (ref(audio=CLIP[:-99]), "BAD_AUDIO", f"{AT}.audio", ["truncated"]),
    (ref(audio=wav(PCM[:-200])), "INVALID_FIELD", f"{AT}.audio", ["1 to 100 s", "0.99375 s"]),
    (ref(audio=wav(bytes(32_000 * 101))), "AUDIO_TOO_LONG", f"{AT}.audio", ["100 s", "101.0 s"]),
    (ref(audio=wav(bytes(64_000))), "BAD_AUDIO", f"{AT}.audio", ["silent"]),
    (ref(audio=CLIP, transcript="x" * 5001), "INVALID_FIELD", f"{AT}.transcript", ["5000", "5001"]),
    (ref(audio=PCM, format={"encoding": 99}), "UNSUPPORTED_FORMAT", f"{AT}.format.encoding", ["99"]),
    (ref(audio=PCM, format={"encoding": MULAW, "sample_rate_hz": 7_999}), "INVALID_FIELD",
     f"{AT}.format.sample_rate_hz", ["8000", "7999"]),
    (ref(uri="https://example.com/a.wav"), "UNSUPPORTED_FEATURE", f"{AT}.uri", ["audio"]),
    (ref(uri="file:///etc/passwd"), "UNSUPPORTED_FEATURE", f"{AT}.uri", []),
    (coded([]), "INVALID_FIELD", f"{AT}.codes.codes", ["2500", "not 0"]),
    (coded([*CODES, 1]), "INVALID_FIELD", f"{AT}.codes.codes", ["241", "8"]),
    (coded([0] * 7 + [1024]), "INVALID_FIELD", f"{AT}.codes.codes[7]", ["1023", "1024"]),
    (coded([0, -1] * 4), "INVALID_FIELD", f"{AT}.codes.codes[1]", ["0 to", "-1"]),
    (coded([0] * 8 * 2501), "INVALID_FIELD", f"{AT}.codes.codes", ["2500", "2501"]),
    (coded(CODES, 30), "INVALID_FIELD", f"{AT}.codes.num_codebooks", ["must be 8", "30", "[T, 8], not [8, T]"]),
    (coded(CODES, 0), "INVALID_FIELD", f"{AT}.codes.num_codebooks", ["must be 8", "not 0"]),
    (coded(CODES, 9), "INVALID_FIELD", f"{AT}.codes.num_codebooks", ["must be 8", "not 9"]),
    ({**ref(audio=CLIP), "voice": "tone"}, "INVALID_FIELD", "config.voice", ["default"]),
    ({"references": [{"audio": CLIP}] * 9}, "INVALID_FIELD", "config.references", ["8", "9"]),
    ({"references": [{"audio": CLIP}, {}]}, "INVALID_FIELD", "config.references[1]", []),
    ({"speakers": [{"speaker": 1, "reference": {"audio": b"x"}}]}, "BAD_AUDIO",
     "config.speakers[0].reference.audio", []),
    ({"speakers": [{"speaker": 1, "voice": "tone", "reference": {"audio": CLIP}}]}, "INVALID_FIELD",
     "config.speakers[0].voice", ["default"]),
    ({"previous_turns": [{"text": "x" * 5001}]}, "INVALID_FIELD", "config.previous_turns[0].text", ["5000", "5001"]),
    ({"previous_turns": [{"text": " "}]}, "INVALID_FIELD", "config.previous_turns[0].text", ["blank"]),
    ({"previous_turns": [{"text": "a"}] * 65}, "INVALID_FIELD", "config.previous_turns", ["64", "65"]),
    ({"previous_turns": [{"text": "a"}, {"text": "b", "audio": {"audio": b"x"}}]}, "BAD_AUDIO",
     "config.previous_turns[1].audio.audio", []),
    ({"previous_turns": [{"text": "a", "audio": {"audio": CLIP, "transcript": "b"}}]}, "INVALID_FIELD",
     "config.previous_turns[0].audio.transcript", []),
]  # fmt: skip


@pytest.mark.parametrize(("config", "reason", "field", "words"), BAD)
async def test_a_bad_reference_is_refused_by_every_call_with_field_limit_and_value(config, reason, field, words):
    async with running_front(engines()) as front:
        config = speech_pb.SynthesisConfig(**config)
        spoken = speech_pb.SynthesizeOnceRequest(text="Hello.", config=config)
        explained = speech_pb.ExplainSynthesisRequest(text="Hello.", config=config)
        first = speech_pb.SynthesizeRequest(config=config)
        found = [
            await refused(front.synthesis.SynthesizeOnce(spoken)),
            await refused(front.synthesis.Synthesize(), first),
        ]
        if reason != "BAD_AUDIO" or words != ["silent"]:
            found.append(await refused(front.synthesis.ExplainSynthesis(explained)))
        for each in found:
            assert (each.reason, each.fields) == (reason, [field])
            assert all(word in each.message for word in words), each.message
        talk = talk_pb.ConverseRequest(config={"synthesis": config})
        talked = await refused(front.conversation.Converse(), talk)
        assert (talked.reason, talked.fields) == (reason, [field.replace("config.", "config.synthesis.")])
        assert not engine(front).jobs
        await check_good_call(front)


async def test_an_uploaded_file_cannot_be_named_yet():
    async with running_front(engines()) as front:
        found = await speak_once(front, references=[{"file_id": "file-1"}])
        assert found.reason == "NOT_BUILT"
        assert "config.references[0].file_id" in found.message


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (ref(audio=CLIP), "config.references"),
        ({"speakers": [{"speaker": 1, "reference": {"audio": CLIP}}]}, "config.speakers[0].reference"),
    ],
)
async def test_a_model_that_cannot_clone_says_so(config, field):
    async with running_front(engines(clones=False)) as front:
        found = await speak_once(front, **config)
        assert (found.reason, found.fields) == ("UNSUPPORTED_FEATURE", [field])
        await check_good_call(front)


async def test_time_to_encode_counts_against_the_deadline():
    async with running_front(engines(waits_to_encode=True)) as front:
        request = speech_pb.SynthesizeOnceRequest(text="Hello.", config=ref(audio=CLIP))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await front.synthesis.SynthesizeOnce(request, timeout=1.0).read()
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await check_good_call(front)
        assert [job.reference for job in engine(front).jobs] == [()]


async def test_few_clips_are_held_at_once_and_those_who_leave_hold_none():
    async with running_front(engines(waits_to_encode=True)) as front:
        request = speech_pb.SynthesizeOnceRequest(text="Hello.", config=ref(audio=CLIP))
        calls = [front.synthesis.SynthesizeOnce(request) for _ in range(6)]
        async with asyncio.timeout(20):
            while len(engine(front).clips) < 4 or front.doors[0].num_running < 6:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        assert len(engine(front).clips) == 4, "the others wait for memory"
        for call in calls:
            call.cancel()
        await front.settled()
        await check_good_call(front)


async def test_a_clip_is_encoded_once_for_its_call_and_heard_by_every_segment():
    async with running_front(engines()) as front:
        responses = await speak(front, "One. Two.", **ref(audio=CLIP, transcript="A sine."))
        (clip,) = engine(front).clips
        assert (clip.pcm, clip.rate_hz) == (PCM, 16_000)
        heard = [job.reference for job in engine(front).jobs]
        assert len(heard) == 2
        assert all((each.codes, each.transcript) == (codes_of(clip), "A sine.") for (each,) in heard)
        effective = responses[0].started.config
        assert not effective.references
        assert effective.voice == "tone"


async def test_codes_are_heard_as_they_are_and_headerless_samples_as_their_format_says():
    async with running_front(engines()) as front:
        await speak(front, **coded(CODES, transcript="Counting."))
        (sent,) = engine(front).jobs[0].reference
        assert (sent.codes, sent.transcript) == (array.array("H", CODES).tobytes(), "Counting.")
        assert not engine(front).clips
        await speak(front, **ref(audio=bytes(range(256)) * 50, format={"encoding": MULAW, "sample_rate_hz": 8_000}))
        assert engine(front).clips[0].rate_hz == 8_000
        assert len(engine(front).clips[0].pcm) == 2 * 256 * 50


async def test_of_several_references_the_first_is_heard_and_the_others_are_named():
    async with running_front(engines()) as front:
        responses = await speak(front, references=[{"audio": CLIP, "transcript": str(n)} for n in range(3)])
        warnings = [(w.code, w.field) for w in responses[0].started.warnings]
        assert warnings == [(1, "config.references[1]"), (1, "config.references[2]")]
        assert [each.transcript for each in engine(front).jobs[0].reference] == ["0"]


async def test_speakers_have_references_of_their_own_or_the_configs_or_a_voice():
    async with running_front(engines()) as front:
        speakers = [{"speaker": 1, "reference": {"audio": CLIP, "transcript": "own"}}, {"speaker": 2, "voice": "tone"}]
        config = {**ref(audio=CLIP, transcript="all"), "speakers": [*speakers, {"speaker": 3}]}
        call = front.synthesis.Synthesize()
        await call.write(speech_pb.SynthesizeRequest(config=config))
        for speaker in range(4):
            await call.write(speech_pb.SynthesizeRequest(text={"text": f"Speaker {speaker}. ", "speaker": speaker}))
        await call.done_writing()
        responses = [response async for response in call]
        assert not any(speaker.HasField("reference") for speaker in responses[0].started.config.speakers)
        heard = [[each.transcript for each in job.reference] for job in engine(front).jobs]
        assert heard == [["all"], ["own"], [], ["all"]]


async def test_a_voice_in_an_update_ends_the_reference():
    async with running_front(engines()) as front:
        call = front.synthesis.Synthesize()
        await call.write(speech_pb.SynthesizeRequest(config=ref(audio=CLIP)))
        await call.write(speech_pb.SynthesizeRequest(text={"text": "One."}))
        await call.write(speech_pb.SynthesizeRequest(flush={}))
        while not (await call.read()).HasField("utterance_done"):
            pass
        await call.write(speech_pb.SynthesizeRequest(update={"voice": "default"}))
        await call.write(speech_pb.SynthesizeRequest(text={"text": "Two."}))
        await call.done_writing()
        while not (await call.read()).HasField("utterance_done"):
            pass
        assert [len(job.reference) for job in engine(front).jobs] == [1, 0]


async def test_earlier_turns_with_audio_are_heard_and_others_are_named():
    async with running_front(engines()) as front:
        turns = [
            {"text": "a", "audio": {"audio": CLIP}},
            {"text": "b"},
            {"text": "c", "audio": coded(CODES)["references"][0]},
        ]
        responses = await speak(front, previous_turns=[*turns, {**turns[0], "speaker": 2}])
        previous = engine(front).jobs[0].previous
        assert [each.transcript for each in previous] == ["a", "c", "a"]
        assert previous[1].codes == array.array("H", CODES).tobytes()
        fields = [w.field for w in responses[0].started.warnings]
        assert fields == ["config.previous_turns[1]", "config.previous_turns[3].speaker"]
        assert not responses[0].started.config.previous_turns


async def test_a_conversation_is_spoken_in_a_cloned_voice_until_an_update_names_another():
    async with running_front(engines()) as front:
        call = front.conversation.Converse()
        await call.write(talk_pb.ConverseRequest(config={"synthesis": ref(audio=CLIP, transcript="me")}))
        for messages in (
            [{"text_turn": {"text": "Hi."}}],
            [{"update": {"synthesis": {"voice": "default"}}}, {"text_turn": {"text": "Hi."}}],
        ):
            for message in messages:
                await call.write(talk_pb.ConverseRequest(**message))
            while not (await call.read()).HasField("reply_done"):
                pass
        await call.done_writing()
        jobs = engine(front).jobs
        assert [[each.transcript for each in job.reference] for job in jobs] == [["me"], []]
        assert len({job.sequence for job in jobs}) == 1
