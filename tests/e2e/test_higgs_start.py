"""How a server with Higgs Audio v3 TTS starts, and what it says where it cannot."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from antiphon_server.model.make import SIZES, make_checkpoint
from support.hub import COMMIT, Hub
from support.servers import AS_SHIPPED, SCRIPTED, TESTS, start_server

OTHERS_SCRIPTED = SCRIPTED.replace('[tts]\nengine = "support.scripted:create_synthesizer"\n', "")
TINY_OPTIONS = {"ANTIPHON_TTS_OPTIONS_DTYPE": "float32", "ANTIPHON_TTS_OPTIONS_THREADS": "1"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("start") / "tiny"
    make_checkpoint(folder, SIZES["tiny"], seed=3)
    return folder


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "antiphon_server", "--listen", "127.0.0.1:0", "--tts", "higgs", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, **AS_SHIPPED, **environment},
    )


def planned(done):
    assert done.returncode == 0
    return [line.removeprefix("# tts: ") for line in done.stdout.splitlines() if line.startswith("# tts: ")]


def test_the_memory_plan_is_shown_with_the_settings(tiny):
    lines = planned(run("--checkpoint", tiny, "--print-config", ANTIPHON_TTS_OPTIONS_NUM_BLOCKS="512"))
    assert lines[0].endswith(f"in bfloat16 on cpu, by the headers of {tiny}")
    assert any(line.startswith("keys and values") and "512 blocks of 16 positions, 768 bytes" in line for line in lines)
    assert any("3 of 2,048 rows after 256 positions of prompt, 1 of the longest" in line for line in lines)


def test_a_plan_that_cannot_be_made_is_said_so_and_nothing_is_downloaded(tmp_path):
    hub = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    [line] = planned(run("--checkpoint", "bosonai/higgs-audio-v3-tts-4b", "--print-config", **hub))
    assert "bosonai/higgs-audio-v3-tts-4b is not on this machine yet" in line
    [line] = planned(run("--checkpoint", tmp_path, "--print-config"))
    assert "the checkpoint is not usable: the checkpoint has no readable config.json" in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_what_cannot_start_is_refused_at_once_in_one_sentence(tiny):
    done = run("--checkpoint", tiny, "--device", "cuda")
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("antiphon-server: device 'cuda' needs")


def test_a_model_that_does_not_fit_the_memory_is_refused_before_it_is_loaded(tiny, tmp_path):
    config = tmp_path / "others.toml"
    config.write_text(OTHERS_SCRIPTED.format(tests=str(TESTS)))
    huge = {"ANTIPHON_TTS_OPTIONS_NUM_BLOCKS": str(10**9)}
    done = run("--checkpoint", tiny, "--config", config, **huge)
    assert done.returncode == 1
    [said] = [line for line in done.stderr.splitlines() if line.startswith("antiphon-server: ")]
    assert "GB of memory, and" in said
    assert "set num_blocks to" in said
    assert any("set num_blocks to" in line for line in planned(run("--checkpoint", tiny, "--print-config", **huge)))


def test_a_server_starts_from_an_id_and_says_how_far_it_is(tiny, tmp_path):
    config = tmp_path / "others.toml"
    config.write_text(OTHERS_SCRIPTED.format(tests=str(TESTS)))
    flags = ["--tts", "higgs", "--checkpoint", f"bosonai/higgs-audio-v3-tts-4b@{COMMIT}"]
    with Hub(tiny).running() as hub:
        environment = {**TINY_OPTIONS, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
        server = start_server(*flags, config=config, environment=environment)
        server.stop()
    said = "\n".join(server.log_lines)
    assert "checkpoint: downloaded 0.05 of 0.05 GB" in said
    events = [json.loads(line) for line in server.log_lines if line.startswith("{")]
    [read] = [each for each in events if re.match(r"checkpoint: read (\S+) of \1 GB", each.get("message", ""))]
    assert (read["level"], read["logger"]) == ("INFO", "antiphon_server.runtime.higgs_start")
