"""Ids without the client that would fetch them."""

import sys

import pytest

from antiphon_server.errors import InvalidField, ModelNotInstalled
from antiphon_server.model.hub import HubModel, find_checkpoint, named


def test_a_folder_needs_no_client_and_an_id_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert find_checkpoint(str(tmp_path)) == tmp_path
    with pytest.raises(ModelNotInstalled, match=r"huggingface_hub: pip install 'antiphon\[higgs\]'"):
        find_checkpoint("bosonai/higgs-audio-v3-tts-4b")


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("a/b", HubModel("a/b")),
        ("a/b@v1.0", HubModel("a/b", "v1.0")),
        ("a/b@refs/pr/3", HubModel("a/b", "refs/pr/3")),
        ("higgs-tts-3-4b", HubModel("bosonai/higgs-tts-3-4b")),
        ("higgs-audio-v3-tts-4b@main", HubModel("bosonai/higgs-audio-v3-tts-4b", "main")),
    ],
)
def test_ids_are_read_with_and_without_owner_and_revision(text, model):
    assert named(text) == model
    assert str(model).endswith(text)


@pytest.mark.parametrize(
    "text",
    [
        *("./nowhere", "a/b/c", "/no/folder", "x", " ", "x" * 5000, "~nobody-of-this-name/x"),
        *("a/b@../../etc", "a/b@x/../../etc", "a/b@", "http://127.0.0.1/x"),
    ],
)
def test_what_can_be_no_id_is_never_asked_for(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidField, match="is neither a folder that is there nor a model's id"):
        named(text)


def test_a_file_is_no_checkpoint(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InvalidField, match="is a file; give the folder"):
        named(str(tmp_path / "model.safetensors"))
