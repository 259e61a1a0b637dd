"""Higgs Audio v3 TTS from a tiny seeded checkpoint behind the server: how it is served, not how it sounds."""

import requests

from antiphon.speech.v1 import report_pb2
from support.calls import audio_of, calls_to

SAMPLING = {"seed": 7, "max_new_tokens": 60}
BYTES_PER_FRAME = 960 * 2


async def test_a_seed_gives_the_same_samples_over_grpc_and_http_whole_and_streamed(higgs, higgs_compat):
    async with calls_to(higgs) as stubs:
        spoken = await stubs.pcm("Hello there.", 24_000, sampling=SAMPLING)
    assert spoken
    assert len(spoken) % BYTES_PER_FRAME == 0
    for is_streamed in (False, True):
        body = {"input": "Hello there.", "response_format": "pcm", "stream": is_streamed, **SAMPLING}
        answer = requests.post(f"{higgs_compat.http_url}/v1/audio/speech", json=body, timeout=60)
        assert answer.headers["X-Model"] == "higgs-audio-v3-tts"
        assert answer.content == spoken


async def test_the_end_says_why_and_counts_tokens(higgs):
    async with calls_to(higgs) as stubs:
        responses = await stubs.speak_once("Hello there.", sampling={"seed": 1, "max_new_tokens": 12})
    done = responses[-1].utterance_done
    assert done.finish_reason == report_pb2.FINISH_REASON_LENGTH
    assert done.num_samples == (12 - 7) * 960
    assert done.usage.output_tokens == 12
    assert done.usage.input_tokens == len("Hello there.") + 3


async def test_delivery_tags_reach_the_model_and_structural_ones_do_not(higgs):
    async with calls_to(higgs) as stubs:
        used = [
            (await stubs.speak_once(text, sampling=SAMPLING))[-1].utterance_done.usage.input_tokens
            for text in ("Well.", "<|emotion:anger|>Well.", "<|audio|>Well.")
        ]
    assert used[1] == used[0] + 1
    assert used[2] == used[0] + len("<|audio|>")


async def test_the_model_says_what_it_is(higgs):
    async with calls_to(higgs) as stubs:
        responses = await stubs.speak_once("Hello.", model="higgs-tts-3", sampling=SAMPLING)
        assert responses[0].started.model == "higgs-audio-v3-tts"
        assert len(audio_of(responses)) > 0
