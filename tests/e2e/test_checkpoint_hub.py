"""Checkpoints by their id, from a hub on this machine: fetched once, kept, and refused with what to change."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from antiphon_server.codec.sizes import CodecSizes
from antiphon_server.model.higgs_config import HiggsConfig
from antiphon_server.model.make import Size, make_checkpoint
from support.hub import COMMIT, Hub

NAME = "bosonai/higgs-audio-v3-tts-4b"
SMALL = Size(
    HiggsConfig(num_layers=1, hidden_size=8, intermediate_size=16, num_heads=2, num_kv_heads=1, head_dim=8),
    CodecSizes(4, 64, 16, 128, 32, 64, 1, codebook_dim=16),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "model"
    make_checkpoint(folder, SMALL, seed=1)
    (folder / "run_me.py").write_text("raise SystemExit('code of a model was run')")
    return folder


@pytest.fixture
def hub(model) -> Iterator[Hub]:
    with Hub(model).running() as hub:
        yield hub


@pytest.fixture
def inspect(hub, tmp_path):
    return partial(hub.run, tmp_path, "-m", "antiphon_server", "checkpoint", "inspect")


def refusal(done):
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    return lines[-1].removeprefix("antiphon checkpoint: ")


def test_a_model_is_fetched_once_and_then_used_without_the_hub(hub, inspect, tmp_path):
    first = inspect(NAME)
    assert first.stdout.endswith("Nothing is wrong.\n"), first.stderr
    assert "downloaded 0.01 of 0.01 GB" in first.stderr
    assert not any("run_me" in path for path in hub.asked)
    assert not list(tmp_path.rglob("run_me.py"))
    hub.asked.clear()
    assert inspect("higgs-audio-v3-tts-4b").returncode == 0
    assert inspect(NAME, HF_HUB_OFFLINE="1").returncode == 0
    assert hub.asked == []


def test_a_revision_is_fetched_as_asked(hub, inspect):
    assert inspect(f"{NAME}@v1").returncode == 0
    assert f"GET /api/models/{NAME}/revision/v1" in hub.asked
    assert inspect(f"{NAME}@{COMMIT}", HF_HUB_OFFLINE="1").returncode == 0


def test_a_folder_of_that_name_wins_and_the_hub_is_not_asked(hub, inspect, model, tmp_path):
    (tmp_path / "bosonai").mkdir()
    (tmp_path / NAME).symlink_to(model)
    assert inspect(NAME).returncode == 0
    assert hub.asked == []


def test_a_token_opens_what_is_gated(hub, inspect):
    hub.token = "hf_mine"
    said = refusal(inspect(NAME))
    assert "accept its licence" in said
    assert "HF_TOKEN" in said
    opened = inspect(NAME, HF_TOKEN="hf_mine")
    assert opened.returncode == 0
    assert "hf_mine" not in opened.stderr


@pytest.mark.parametrize(
    ("checkpoint", "words"),
    [
        ("bosonai/higgs-audio-v9", ["no folder bosonai/higgs-audio-v9", "no such model on the hub", "404"]),
        (f"{NAME}@v9", [NAME, "no revision 'v9'"]),
    ],
)
def test_what_the_hub_does_not_have_is_named(inspect, checkpoint, words):
    said = refusal(inspect(checkpoint))
    assert all(word in said for word in words), said


def test_a_hub_that_fails_or_is_not_there_is_named_with_what_to_check(hub, inspect):
    hub.status = 500
    assert "status 500" in refusal(inspect(NAME))
    said = refusal(inspect(NAME, HF_ENDPOINT="http://127.0.0.1:9"))
    assert "or network, proxy and HF_ENDPOINT" in said
    assert "HF_HUB_OFFLINE forbids to fetch it" in refusal(inspect(NAME, HF_HUB_OFFLINE="1"))


def test_a_model_larger_than_the_disk_is_refused_before_it_is_fetched(hub, inspect, tmp_path):
    hub.claimed_bytes = 10**15
    said = refusal(inspect(NAME))
    assert "takes 1000000.0 GB" in said
    assert f"kept, in {tmp_path}" in said
    assert "HF_HOME" in said
    assert not any(path.startswith("GET") and path.endswith(".safetensors") for path in hub.asked)


def test_a_download_that_breaks_off_is_no_model_until_it_is_whole(hub, inspect):
    hub.is_cut = True
    said = refusal(inspect(NAME))
    assert "could not be downloaded (RemoteProtocolError)" in said
    assert f"there is no folder {NAME}" in said
    assert "not on this machine" in refusal(inspect(NAME, HF_HUB_OFFLINE="1"))
    hub.is_cut = False
    assert inspect(NAME).returncode == 0


def test_a_kept_file_that_was_cut_later_is_named(inspect, tmp_path):
    assert inspect(NAME).returncode == 0
    path = next((tmp_path / "home").rglob("model.safetensors"))
    path.resolve().write_bytes(path.read_bytes()[:100_000])
    found = inspect(NAME)
    assert "wrong: model.safetensors is cut, maybe half downloaded: 100,000 bytes of" in found.stdout
