"""Checkpoints of the listening model: made as published, read whole, and refused with everything that is wrong."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.inspection import inspect_checkpoint
from antiphon_server.model.noise import write_noise
from antiphon_server.model.stt.checkpoint import open_stt
from antiphon_server.model.stt.config import is_stt
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.inspection import inspect_stt
from antiphon_server.model.stt.make import STT_SIZES, make_stt_checkpoint, shards

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
HEAD = "audio_decoder_proj.text_lm_head.weight"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "tiny"
    make_stt_checkpoint(folder, STT_SIZES["tiny"], seed=1)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


def change(folder, file, edit):
    tensors = load_file(folder / file)
    edit(tensors)
    save_file(tensors, folder / file)


def problems(folder):
    with pytest.raises(ModelNotInstalled) as caught:
        open_stt(folder)
    report = inspect_stt(folder)
    assert report.problems[0] in caught.value.message
    return "; ".join(report.problems)


def test_the_published_files_have_their_published_sizes(tmp_path, monkeypatch):
    """To the byte: names, shapes, their order and the header are all in these two numbers."""
    monkeypatch.setattr("antiphon_server.model.noise._write_all", lambda _jobs, _progress, _num_bytes: None)
    write_noise(tmp_path, shards(STT_SIZES["full"]), lambda _name, _shape: (0.0, 1.0), seed=0)  # files of holes
    assert [(tmp_path / name).stat().st_size for name in (FIRST, SECOND)] == [4_728_828_400, 622_354_784]


def test_a_made_checkpoint_is_whole_in_two_files_and_an_index(made):
    checkpoint = open_stt(made)
    index = json.loads((made / "model.safetensors.index.json").read_text())
    assert checkpoint.config == STT_SIZES["tiny"]
    assert index["weight_map"].keys() == checkpoint.tensors.keys()
    assert index["weight_map"][HEAD] == SECOND
    assert is_stt(made)


def test_the_speaking_model_does_not_take_it(made):
    assert "another model: architecture HiggsAudio3Model" in inspect_checkpoint(made).problems[0]


def test_the_head_is_read_though_the_config_calls_it_tied(made):
    checkpoint = open_stt(made)
    assert json.loads((made / "config.json").read_text())["text_config"]["tie_word_embeddings"] is True
    decoder = TextDecoder(checkpoint.config)
    decoder.load(checkpoint)
    assert torch.equal(decoder.text_head, load_file(made / SECOND)[HEAD])
    assert not torch.equal(decoder.text_head, decoder.text_embedding)


def test_ear_and_decoder_read_all_that_is_not_ignored(made):
    checkpoint = open_stt(made)
    ear, decoder = Ear(checkpoint.config), TextDecoder(checkpoint.config)
    ear.load(checkpoint)
    read = {*ear.weights, *dict(decoder.named())}
    assert checkpoint.tensors.keys() - read == {
        "audio_codebook_embeddings.weight",
        "audio_decoder_proj.audio_lm_head.weight",
    }
    assert torch.equal(ear.weights["audio_tower.conv1.weight"], load_file(made / FIRST)["audio_tower.conv1.weight"])


def test_everything_that_is_wrong_is_listed_at_once(folder):
    def edit(tensors):
        del tensors["audio_encoder_proj.temporal.weight"]
        tensors["audio_tower.layers.0.self_attn.k_proj.bias"] = torch.zeros(4)
        tensors["audio_tower.conv2.weight"] = torch.zeros(3, 3)

    change(folder, FIRST, edit)
    change(folder, SECOND, lambda tensors: tensors.pop(HEAD))
    (folder / "tokenizer.json").unlink()
    listed = problems(folder)
    assert "tokenizer.json is missing" in listed
    assert "audio_encoder_proj.temporal.weight is missing" in listed
    assert "audio_tower.layers.0.self_attn.k_proj.bias is not of this model" in listed
    assert "audio_tower.conv2.weight has shape [3, 3], expected [128, 128, 3]" in listed
    assert f"{HEAD} is missing; the head is not the embedding" in listed


def test_leftovers_of_sound_going_out_may_be_missing_or_more(folder):
    def edit(tensors):
        tensors.pop("audio_codebook_embeddings.weight")
        tensors["audio_out_embed_projector.weight"] = torch.zeros(2)

    change(folder, SECOND, edit)
    open_stt(folder)


def test_a_missing_file_is_named_alone(folder):
    (folder / SECOND).unlink()
    assert problems(folder) == f"{SECOND} is missing"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda c: c.update(model_type="higgs_audio"), "another model"),
        (lambda c: c.pop("chunk_size_seconds"), "chunk_size_seconds is missing, and its default is of another model"),
        (lambda c: c.update(chunk_size_seconds=30.0), "chunk_size_seconds must be 4.0, not 30.0"),
        (lambda c: c.update(encoder_padding_method="max_length"), "must be 'longest', not 'max_length'"),
        (lambda c: c.pop("duplicate_audio_triplet"), "duplicate_audio_triplet is missing"),
        (lambda c: c.pop("audio_encoder_config"), "lacks text_config or audio_encoder_config"),
        (lambda c: c["audio_encoder_config"].update(num_mel_bins=80), "num_mel_bins must be 128, not 80"),
        (lambda c: c["audio_encoder_config"].pop("d_model"), "d_model must be a whole number"),
        (lambda c: c["audio_encoder_config"].update(encoder_attention_heads=3), "3 heads cannot share 128"),
        (lambda c: c["text_config"].update(vocab_size=151_673), "vocab_size must be 151674 or more"),
        (lambda c: c["text_config"].update(num_key_value_heads=3), "4 heads cannot share 3"),
    ],
)
def test_a_config_of_another_model_is_refused_by_name(folder, edit, said):
    content = json.loads((folder / "config.json").read_text())
    edit(content)
    (folder / "config.json").write_text(json.dumps(content))
    assert said in problems(folder)


def test_no_folder_and_no_config_are_named(tmp_path):
    assert problems(tmp_path / "nowhere").endswith("nowhere is no folder")
    assert "no readable config.json" in problems(tmp_path)
    assert not is_stt(tmp_path)
