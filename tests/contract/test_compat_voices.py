"""``/v1/audio/voices`` against a scripted server."""

import openai
import pytest
from compat_peer import compat

ROUTE = "/v1/audio/voices"
NORA = {
    "id": "nora",
    "object": "audio.voice",
    "name": "Nora",
    "type": "natural",
    "created_at": 0,
    "description": "",
    "model": "mouth",
    "languages": ["en"],
    "aliases": [],
}


async def test_list_holds_the_voices_of_all_pages():
    async with compat() as (_, http):
        answer = await http.get(ROUTE)
        body = await answer.json()
        assert (answer.status, body["object"]) == (200, "list")
        assert body["data"][0] == NORA
        assert [(voice["id"], voice["type"]) for voice in body["data"]] == [
            ("nora", "natural"),
            ("nora-low", "variant"),
        ]


async def test_list_is_filtered_by_the_server():
    async with compat() as (peer, http):
        await http.get(ROUTE, params={"model": "tts-1", "language": "en-GB"})
        assert (peer.requests[0].model, peer.requests[0].language) == ("tts-1", "en-GB")
        answer = await http.get(ROUTE, params={"model": "m" * 257})
        assert (answer.status, (await answer.json())["error"]["param"]) == (400, "model")


async def test_one_voice_by_id_or_alias():
    async with compat() as (_, http):
        assert await (await http.get(f"{ROUTE}/nora")).json() == NORA
        assert (await (await http.get(f"{ROUTE}/echo")).json())["id"] == "nora-low"


@pytest.mark.parametrize("name", ["nobody", "v" * 257, "%ED%A0%80", "..%2F..%2Fetc"])
async def test_unknown_voice_is_a_404(name):
    async with compat() as (_, http):
        answer = await http.get(f"{ROUTE}/{name}")
        error = (await answer.json())["error"]
        assert (answer.status, error["code"], error["param"]) == (404, "not_found", "voice")


async def test_storing_and_deleting_are_not_built_and_sdks_do_not_try_again():
    async with (
        compat() as (_, http),
        openai.AsyncOpenAI(base_url=str(http.make_url("/v1")), api_key="none", max_retries=2) as client,
    ):
        for asked in (
            client.audio.voices.create(audio_sample=b"RIFF", consent="cons_1", name="me", type="audio_sample"),
            client.audio.voices.delete("me"),
        ):
            with pytest.raises(openai.InternalServerError) as refused:
                await asked
            assert (refused.value.status_code, refused.value.code) == (501, "not_built")
            assert refused.value.response.headers["x-should-retry"] == "false"
