"""``antiphon checkpoint`` as a person would use it."""

import subprocess
import sys


def command(*arguments, module="antiphon_server"):
    return subprocess.run(
        [sys.executable, "-m", module, "checkpoint", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_made_checkpoint_is_described_and_found_right(tmp_path):
    made = command("make", tmp_path / "tiny", "--seed", 4)
    assert made.returncode == 0
    assert "it speaks noise" in made.stdout
    found = command("inspect", tmp_path / "tiny")
    assert found.returncode == 0
    assert "3 layers of 64, 4 heads on 2" in found.stdout
    assert found.stdout.endswith("Nothing is wrong.\n")
    (tmp_path / "tiny" / "tokenizer.json").write_text("{}")
    damaged = command("inspect", tmp_path / "tiny")
    assert damaged.returncode == 1
    assert "wrong: the checkpoint's tokenizer.json cannot be read" in damaged.stdout
    assert damaged.stdout.endswith("\n1 thing is wrong.\n")


def test_a_checkpoint_that_listens_is_made_and_recognised(tmp_path):
    assert "it writes noise" in command("make", tmp_path / "ear", "--family", "stt", "--seed", 4).stdout
    found = command("inspect", tmp_path / "ear")
    assert found.stdout.startswith("Higgs Audio v3 STT\n")
    assert "its head is not tied" in found.stdout
    assert found.stdout.endswith("Nothing is wrong.\n")
    (tmp_path / "ear" / "model-00002-of-00002.safetensors").unlink()
    damaged = command("inspect", tmp_path / "ear")
    assert damaged.returncode == 1
    assert "wrong: model-00002-of-00002.safetensors is missing" in damaged.stdout


def test_what_is_wrong_is_listed(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}')
    found = command("inspect", tmp_path)
    assert found.returncode == 1
    assert "wrong: the checkpoint is of another model: architecture LlamaForCausalLM, type llama" in found.stdout


def test_a_folder_in_use_is_not_written_to(tmp_path):
    (tmp_path / "notes").write_text("mine")
    made = command("make", tmp_path)
    assert made.returncode == 1
    assert "is not empty" in made.stderr


def test_usage_is_explained():
    assert "antiphon checkpoint make ./tiny" in command("--help").stdout
    assert command("paint").returncode == 2


def test_the_client_hands_it_to_the_server(tmp_path):
    assert "antiphon checkpoint make ./tiny" in command("--help", module="antiphon_client").stdout
    found = command("inspect", tmp_path, module="antiphon_client")
    assert found.returncode == 1
    assert "wrong: the checkpoint has no readable config.json" in found.stdout
