"""What engines count of their own work, on the server's metrics page."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.calls import calls_to
from support.servers import Server, scripted_config, start_server

LIMIT_S = 20.0


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """antiphon-server with a scripted speech model that has figures."""
    config = scripted_config(Path(tmp_path_factory.mktemp("counting")))
    plain, counting = "support.scripted:create_synthesizer", "support.scripted_figures:create"
    config.write_text(config.read_text().replace(plain, counting))
    process = start_server("--metrics", "127.0.0.1:0", config=config)
    yield process
    process.stop()


def read(server: Server) -> dict[tuple[str, ...], float]:
    """Samples of engines by name and labels."""
    events = [json.loads(line) for line in server.log_lines if line.startswith("{")]
    address = next(event["address"] for event in events if event["event"] == "metrics_served")
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples if sample.labels.get("engine")]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


async def read_until(server: Server, least: float, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Readings come once a second."""
    async with asyncio.timeout(LIMIT_S):
        while (samples := await asyncio.to_thread(read, server)).get((name, "tts", *labels), -1.0) < least:
            await asyncio.sleep(0.2)
    return samples


async def test_one_utterance_of_higgs_shows_steps_rows_blocks_and_first_audio(higgs):
    before = await read_until(higgs, 1, "antiphon_engine_sequences_total", "length")  # the warm-up
    async with calls_to(higgs) as stubs:
        await stubs.speak_once("Hello there.", sampling={"seed": 7, "max_new_tokens": 60})
    num_ended = before["antiphon_engine_sequences_total", "tts", "length"]
    after = await read_until(higgs, num_ended + 1, "antiphon_engine_sequences_total", "length")

    def grown(name: str, *labels: str) -> float:
        key = (f"antiphon_engine_{name}", "tts", *labels)
        return after[key] - before[key]

    assert grown("rows_total") == 60
    num_steps = grown("steps_total")
    assert num_steps >= 59  # the first row comes with the prompt
    assert grown("step_ms_count") == num_steps
    assert grown("step_ms_sum") > 0
    assert grown("batch_rows_bucket", "1.0") == grown("batch_rows_count") == 59
    assert grown("first_audio_ms_count") == 1
    assert grown("prefill_ms_count") == grown("prefills_total") == 1
    assert grown("codec_windows_total") == 5  # 53 frames: 2, 4, 8, 16, 23
    blocks = {state: after["antiphon_engine_blocks", "tts", state] for state in ("held", "free", "cached")}
    assert sum(blocks.values()) == 2048
    assert after["antiphon_engine_waiting", "tts"] == 0
    assert ("antiphon_engine_underrun_seconds_total", "tts") in after


async def test_an_engines_own_figures_are_on_the_servers_page(counting):
    await read_until(counting, 0, "antiphon_engine_jobs_total")
    async with calls_to(counting) as stubs:
        await stubs.speak_once("Hello there.")
    samples = await read_until(counting, 1, "antiphon_engine_jobs_total")
    assert samples["antiphon_engine_text_characters_sum", "tts"] == len("Hello there.")
    assert samples["antiphon_engine_blocks", "tts", "free"] == 7
    assert samples["antiphon_engine_ready", "tts"] == 1
    assert not [labels for labels in samples if labels[0].startswith("antiphon_engine_jobs") and labels[1] != "tts"]
