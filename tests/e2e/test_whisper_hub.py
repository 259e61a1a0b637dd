"""Whisper by its size or id, from a hub on this machine: fetched before the server starts, named, refused in a line."""

import struct
from functools import partial

import pytest

from support.hub import Hub

LARGE = "Systran/faster-whisper-large-v3"
TURBO = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
OWN = "someone/their-own"
FIND = """
import sys
from antiphon_server.embedded import whisper_files
from antiphon_server.embedded.whisper_options import whisper_options
from antiphon_server.errors import SpeechError
from antiphon_server.telemetry.progress import progress_on_stderr
for model in sys.argv[1:]:
    options = {"model": model}
    try:
        whisper_files.fetch(options, progress_on_stderr("stt model: downloaded"))
        files = whisper_files.find(whisper_options(options))
    except SpeechError as error:
        sys.exit(f"{error.reason} {error.message}")
    print(files.name, files.owner, files.revision, files.layout.is_pruned, "torch" in sys.modules)
"""


def weights(num_decoder_layers):
    """Names and empty tensors, as a weights file has them."""
    layers = ["encoder/layer_0", "encoder/layer_1", *(f"decoder/layer_{at}" for at in range(num_decoder_layers))]
    body = b"".join(text(f"{layer}/norm") + struct.pack("<BIBI", 1, 4, 0, 16) + bytes(16) for layer in layers)
    return struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(layers)) + body


def text(name):
    return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"


@pytest.fixture
def hub(tmp_path):
    folder = tmp_path / "on-the-hub"
    folder.mkdir()
    (folder / "model.bin").write_bytes(weights(1))
    for name in ("config.json", "tokenizer.json", "preprocessor_config.json", "vocabulary.json", "run_me.py"):
        (folder / name).write_text("{}")
    with Hub(folder, names=(LARGE, TURBO, OWN)).running() as hub:
        yield hub


@pytest.fixture
def run(hub, tmp_path):
    return partial(hub.run, tmp_path)


def test_a_size_is_fetched_once_named_and_then_used_without_the_hub(hub, run):
    first = run("-c", FIND, "large-v3-turbo")
    name, owner, revision, is_pruned, has_torch = first.stdout.split()
    assert (name, owner, is_pruned, has_torch) == ("whisper_v3_turbo", "openai", "True", "False"), first.stderr
    assert len(revision) == 64
    assert "stt model: downloaded" in first.stderr
    assert not any("run_me" in path for path in hub.asked)
    hub.asked.clear()
    again = run("-c", FIND, "turbo", HF_HUB_OFFLINE="1")
    assert again.stdout == first.stdout
    assert hub.asked == []


def test_an_id_and_a_revision_are_fetched_as_asked(hub, run):
    large, own = run("-c", FIND, LARGE, f"{OWN}@v1").stdout.splitlines()
    assert large.startswith("whisper-large-v3 openai ")
    assert own.startswith("their-own someone ")
    assert f"GET /api/models/{OWN}/revision/v1" in hub.asked


def test_what_the_hub_does_not_have_stops_the_server_with_one_line(run):
    for model, words in (("small", "no such model on the hub (404)"), (f"{LARGE}@v9", "no revision 'v9'")):
        done = run("-m", "antiphon_server", "--listen", "127.0.0.1:0", ANTIPHON_STT_OPTIONS_MODEL=model)
        assert (done.returncode, done.stdout) == (1, "")
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("antiphon-server: ")
        assert words in last
        assert "Traceback" not in done.stderr


def test_a_model_of_another_format_is_named_by_what_it_lacks(hub, run):
    (hub.folder / "model.bin").rename(hub.folder / "model.safetensors")
    done = run("-c", FIND, OWN)
    assert done.stderr.strip().splitlines()[-1].startswith("MODEL_NOT_INSTALLED ")
    assert "no Whisper model in CTranslate2's format: model.bin is not there" in done.stderr
