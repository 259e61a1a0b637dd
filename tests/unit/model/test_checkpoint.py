"""Checkpoints: made as published, read whole, and refused with everything that is wrong."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from antiphon_server.codec.sizes import CodecSizes, sizes_of
from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.checkpoint import open_checkpoint
from antiphon_server.model.inspection import inspect_checkpoint
from antiphon_server.model.layout import CODEC_PREFIX, DUPLICATES, layer_name
from antiphon_server.model.make import SIZES, make_checkpoint

NORM = "body.norm.weight"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "tiny"
    make_checkpoint(folder, SIZES["tiny"], seed=1)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


def change(folder, edit):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path)


def change_config(folder, edit):
    path = folder / "config.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def problems(folder):
    with pytest.raises(ModelNotInstalled) as caught:
        open_checkpoint(folder)
    report = inspect_checkpoint(folder)
    assert report.problems[0] in caught.value.message
    return "; ".join(report.problems)


def test_a_made_checkpoint_is_whole_and_its_tied_copies_are_in_the_file_alone(made):
    checkpoint = open_checkpoint(made)
    index = json.loads((made / "model.safetensors.index.json").read_text())
    assert set(DUPLICATES) <= set(checkpoint.tensors)
    assert not set(DUPLICATES) & set(index["weight_map"])
    assert index["metadata"]["total_size"] == 2 * inspect_checkpoint(made).num_parameters
    assert checkpoint.config == SIZES["tiny"].backbone
    assert checkpoint.codec == SIZES["tiny"].codec


def test_noise_depends_on_seed_and_name_alone(made, tmp_path):
    make_checkpoint(tmp_path / "again", SIZES["tiny"], seed=1)
    make_checkpoint(tmp_path / "other", SIZES["tiny"], seed=2)
    first = (made / "model.safetensors").read_bytes()
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == first
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != first


def test_a_folder_that_holds_anything_is_not_written_to(made):
    with pytest.raises(FileExistsError):
        make_checkpoint(made, SIZES["tiny"], seed=1)


def test_fused_matrices_hold_the_files_parts_in_order(made):
    checkpoint, tensors = open_checkpoint(made), load_file(made / "model.safetensors")
    backbone = Backbone(checkpoint.config)
    told = []
    checkpoint.fill(dict(backbone.named()), lambda done, in_all: told.append((done, in_all)))
    parts = [tensors[layer_name(1, f"self_attn.{part}_proj")] for part in "qkv"]
    assert torch.equal(backbone.layers[1].qkv, torch.cat(parts))
    gate_up = [tensors[layer_name(2, f"mlp.{part}_proj")] for part in ("gate", "up")]
    assert torch.equal(backbone.layers[2].gate_up, torch.cat(gate_up))
    assert told[-1][0] == told[-1][1]


def test_the_codecs_widths_are_found_in_its_shapes():
    assert sizes_of(CodecSizes().shapes()) == CodecSizes()


def test_everything_that_is_wrong_is_listed_at_once(folder):
    def edit(tensors):
        del tensors[NORM]
        tensors["body.layers.9.input_layernorm.weight"] = torch.zeros(4)
        tensors[layer_name(0, "mlp.up_proj")] = torch.zeros(3, 3)
        tensors[layer_name(0, "mlp.down_proj")] = tensors[layer_name(0, "mlp.down_proj")].to(torch.int8)

    change(folder, edit)
    listed = problems(folder)
    assert f"{NORM} is missing" in listed
    assert "body.layers.9.input_layernorm.weight is not of this model" in listed
    assert "mlp.up_proj.weight has shape [3, 3], expected [160, 64]" in listed
    assert "mlp.down_proj.weight has type I8" in listed


def test_a_half_downloaded_file_is_named(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1_000_000])
    assert "model.safetensors is cut, maybe half downloaded: 1,000,000 bytes of " in problems(folder)
    path.write_bytes(path.read_bytes()[:1000])
    assert "1,000 bytes of the" in problems(folder)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", (5).to_bytes(8, "little") + b"[1,2]"])
def test_a_file_that_is_no_safetensors_file_is_named(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    assert "model.safetensors is" in problems(folder)
    assert len(inspect_checkpoint(folder).problems) == 1


@pytest.mark.parametrize("entry", ['[Infinity],"data_offsets":[0,4]', '[-1],"data_offsets":[4,0]', "[" * 100_000])
def test_a_header_of_impossible_numbers_or_without_end_is_damaged(folder, entry):
    header = f'{{"a":{{"dtype":"F32","shape":{entry}}}}}'.encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert problems(folder) == "model.safetensors is damaged: it does not begin with a safetensors header"


def test_a_file_longer_than_its_header_says_is_damaged(folder):
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"more")
    assert "model.safetensors is damaged: " in problems(folder)


def test_a_missing_file_and_a_missing_tokenizer_are_named(folder):
    (folder / "model.safetensors").rename(folder / "model.safetensors.incomplete")
    (folder / "tokenizer.json").unlink()
    assert problems(folder).split("; ") == [
        "tokenizer.json is missing",
        "model.safetensors is missing",
        "model.safetensors.incomplete is the rest of a download that was not finished",
    ]


def test_what_an_earlier_try_left_beside_whole_files_is_no_fault(folder):
    left = folder / ".cache" / "huggingface" / "download"
    left.mkdir(parents=True)
    (left / "abc.0d1f.incomplete").write_bytes(b"half")
    open_checkpoint(folder)
    (folder / "model.safetensors").unlink()
    assert "abc.0d1f.incomplete is the rest of a download" in problems(folder)


def test_a_folder_with_nothing_and_no_folder_are_told_apart(tmp_path):
    assert "there is no *.safetensors file" in problems(tmp_path)
    assert problems(tmp_path / "nowhere").endswith("nowhere is no folder")


def test_a_missing_shard_is_named_alone_with_and_without_the_index(folder):
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = [f"model-{number:05d}-of-00003.safetensors" for number in (1, 2, 3)]
    for number, shard in enumerate(shards):
        save_file({name: tensors[name] for name in names[number::3]}, folder / shard)
    index = {"weight_map": {name: shards[at % 3] for at, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert open_checkpoint(folder).codec == SIZES["tiny"].codec
    (folder / shards[1]).unlink()
    assert problems(folder) == f"{shards[1]} is missing"
    (folder / "model.safetensors.index.json").unlink()
    assert problems(folder) == f"{shards[1]} is missing"


def test_a_damaged_index_is_named(folder):
    (folder / "model.safetensors.index.json").write_text("{")
    assert problems(folder) == "model.safetensors.index.json is damaged"


def test_tensors_of_the_second_version_are_told_apart(folder):
    def edit(tensors):
        for layer in range(3):
            tensors[f"model.layers.{layer}.audio_mlp.up_proj.weight"] = torch.zeros(2, 2)

    change(folder, edit)
    assert "3 tensors are of Higgs Audio v2, which is another model: model.layers.0.audio_mlp" in problems(folder)


def test_files_are_looked_at_even_if_the_config_is_damaged(folder):
    (folder / "config.json").write_text("{")
    (folder / "tokenizer.json").unlink()
    (folder / "model.safetensors").write_bytes(b"")
    assert len(inspect_checkpoint(folder).problems) == 3


def test_tensors_of_several_types_are_read_as_the_buffers_want_them(folder):
    change(folder, lambda tensors: tensors.update({NORM: tensors[NORM].float() + 2**-20}))
    checkpoint = open_checkpoint(folder)
    wanted = {NORM: torch.empty(64)}
    assert list(checkpoint.read(wanted)) == [NORM]
    assert torch.equal(wanted[NORM], load_file(folder / "model.safetensors")[NORM])


def test_a_codec_without_its_telling_tensors_is_named(folder):
    change(folder, lambda tensors: tensors.pop(CODEC_PREFIX + "fc2.weight"))
    assert "cannot be recognised without tied.embedding.modality_embeddings.0.model.fc2.weight" in problems(folder)


def test_a_null_base_of_the_rotation_is_a_million(folder):
    def edit(config):
        config["text_config"]["rope_theta"] = None
        del config["text_config"]["rope_parameters"]

    change_config(folder, edit)
    assert open_checkpoint(folder).config.rope_theta == 1e6


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            lambda c: c.update(architectures=["HiggsAudioV2ForConditionalGeneration"]),
            "another model: architecture HiggsA",
        ),
        (
            lambda c: c.update(model_type="higgs_audio"),
            "type higgs_audio; expected HiggsMultimodalQwen3ForConditionalGeneration; that is Higgs Audio v2",
        ),
        (lambda c: c.pop("text_config"), "lacks text_config"),
        (
            lambda c: c["text_config"].update(hidden_size=None),
            "hidden_size must be a whole number from 1 to 1048576, not None",
        ),
        (lambda c: c["text_config"].update(num_hidden_layers=True), "num_hidden_layers must be a whole number"),
        (lambda c: c["text_config"].update(num_hidden_layers=10**9), "from 1 to 1000, not 1000000000"),
        (
            lambda c: c["text_config"].update(rms_norm_eps="small"),
            "rms_norm_eps must be a positive number, not 'small'",
        ),
        (lambda c: c["text_config"].update(rope_parameters={"rope_theta": []}), "rope_theta must be a positive number"),
        (lambda c: c.update(architectures=None), "another model: architecture none"),
        (lambda c: c["text_config"].update(num_attention_heads=3), "3 heads cannot share 2"),
        (lambda c: c["text_config"].update(vocab_size=1000), "vocab_size must be 151727 or more"),
        (lambda c: c["audio_encoder_config"].update(num_codebooks=12), "num_codebooks must be 8, not 12"),
        (lambda c: c["audio_encoder_config"].update(use_delay_pattern=False), "use_delay_pattern must be True"),
    ],
)
def test_a_config_of_another_model_is_refused_by_name(folder, edit, said):
    change_config(folder, edit)
    assert said in problems(folder)


@pytest.mark.parametrize(("content", "said"), [(b"{", "not JSON"), (b"[]", "not an object"), (None, "no readable")])
def test_a_damaged_config_is_refused(folder, content, said):
    path = folder / "config.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert said in problems(folder)
