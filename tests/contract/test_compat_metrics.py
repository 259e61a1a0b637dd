"""``GET /metrics``: what is counted, under labels that no caller chooses."""

import asyncio

from compat_peer import LIMIT_S, compat, speech_audio, speech_started
from prometheus_client.parser import text_string_to_metric_families

from antiphon_compat.metrics import METRICS_KEY

KINDS = ("audio", "sse")
STREAMED = {"input": "a", "stream": True, "response_format": "pcm"}


async def read(http) -> dict[str, dict[tuple[str, ...], float]]:
    text = await (await http.get("/metrics")).text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for sample in samples:
        found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


async def read_when_quiet(http) -> dict[str, dict[tuple[str, ...], float]]:
    """Read once no request runs: a request is counted as it ends, just after its caller has all of it."""
    registry = http.app[METRICS_KEY].registry
    async with asyncio.timeout(LIMIT_S):
        while registry.get_sample_value("antiphon_http_requests_running"):
            await asyncio.sleep(0.01)
    return await read(http)


async def test_requests_are_counted_by_route_method_and_status():
    async with compat() as (_, http):
        await http.get("/v1/models/mouth")
        await http.get("/v1/models/nobody")
        await http.post("/v1/audio/speech", json={"input": "a"})
        await http.post("/v1/audio/speech", json=STREAMED)
        await http.request("PROPFIND", "/secret/path")
        seen = await read_when_quiet(http)
    assert seen["antiphon_http_requests_total"] == {
        ("GET", "/v1/models/{model}", "200"): 1,
        ("GET", "/v1/models/{model}", "404"): 1,
        ("POST", "/v1/audio/speech", "200"): 2,
        ("other", "none", "404"): 1,
    }
    assert seen["antiphon_http_request_ms_count"][("/v1/audio/speech",)] == 2
    assert seen["antiphon_http_first_byte_ms_count"] == {("/v1/audio/speech",): 1}
    assert seen["antiphon_http_requests_running"] == {(): 1}  # the one that asks
    assert seen["process_open_fds"][()] > 0


async def test_what_is_open_is_counted_until_it_ends():
    held = asyncio.Event()

    async def speak(request):
        yield speech_started()
        yield speech_audio(b"\x00\x00")
        await held.wait()

    async with compat() as (peer, http), asyncio.timeout(LIMIT_S):
        peer.speak = speak
        async with http.ws_connect("/ws/voice"):
            answers = [await http.post("/v1/audio/speech", json=STREAMED | {"stream_format": kind}) for kind in KINDS]
            seen = await read(http)
            assert (seen["antiphon_http_sockets"][()], seen["antiphon_http_event_streams"][()]) == (1, 1)
            assert seen["antiphon_http_requests_running"][()] == 4  # with the one that asks
            assert seen["antiphon_http_first_byte_ms_count"] == {("/v1/audio/speech",): 2}
            for answer in answers:
                answer.close()
            held.set()
        seen = await read_when_quiet(http)
        assert (seen["antiphon_http_sockets"][()], seen["antiphon_http_event_streams"][()]) == (0, 0)
        assert ("GET", "/ws/voice", "101") in seen["antiphon_http_requests_total"]
        assert ("/ws/voice",) not in seen["antiphon_http_request_ms_count"]


async def test_openmetrics_where_the_scraper_asks_for_it():
    async with compat() as (_, http):
        answer = await http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        assert answer.content_type == "application/openmetrics-text"
        assert (await answer.text()).endswith("# EOF\n")
