"""Whisper of other sizes: models of noise in the published layouts, served like the real ones."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from antiphon_server.embedded import whisper
from antiphon_server.embedded.weights import joined_whisper, sha256_of
from antiphon_server.embedded.whisper_files import HUB_IDS, size_name
from antiphon_server.embedded.whisper_layout import NotWhisper, WhisperLayout, read_layout
from antiphon_server.embedded.whisper_options import whisper_options
from antiphon_server.engine.protocol import ListenJob
from antiphon_server.errors import InvalidField, ModelNotInstalled, UnsupportedFeature
from support.tiny_whisper import TinyWhisper

pytestmark = pytest.mark.models
MODEL_CACHE = Path(__file__).parents[3] / ".cache" / "models"
SOUND = (np.random.default_rng(2).standard_normal(8_000) * 3000).astype("<i2").tobytes()


def heard_once(**job) -> ListenJob:
    """A job that is tried once: a model of noise would use up all tries and ids."""
    return ListenJob(pcm=SOUND, temperature=0.1, **job)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    words = joined_whisper(MODEL_CACHE) / "tokenizer.json"

    def made(name: str, layout: TinyWhisper) -> Path:
        folder = tmp_path_factory.mktemp("whisper") / name
        layout.make(folder, words)
        return folder

    return made


@pytest.fixture(scope="module")
def large(make):
    return make("faster-whisper-large-v3", TinyWhisper())


@pytest.fixture(scope="module")
def turbo(make):
    return make("whisper-large-v3-turbo-ct2", TinyWhisper(num_decoder_layers=1))


@pytest.fixture(scope="module")
def english(make):
    return make("my-own.en", TinyWhisper(num_mels=80, num_ids=51_864))


async def test_large_v3_has_its_name_its_languages_and_its_own_mels(large):
    engine = await whisper.create({"model": str(large)})
    info = await engine.info()
    assert (info.model, info.owner, info.revision) == ("whisper-large-v3", "openai", sha256_of(large / "model.bin"))
    assert len(info.languages) == 100
    assert "yue" in info.languages
    assert info.supports_translation
    assert engine._model.feature_extractor.mel_filters.shape[0] == 128
    heard = await engine.transcribe(heard_once(language="yue", is_translation=True, word_times=True))
    assert heard.engine_ms > 0
    assert heard.checks, "noise of noise passes some limit"
    assert (await engine.transcribe(heard_once())).language_confidence is not None


async def test_a_bare_model_is_heard_by_its_weights_and_has_to_be_told_the_language(large, tmp_path):
    bare = Path(shutil.copytree(large, tmp_path / "bare"))
    (bare / "preprocessor_config.json").unlink()
    about = json.loads((bare / "config.json").read_text())
    (bare / "config.json").write_text(json.dumps({**about, "lang_ids": []}))
    engine = await whisper.create({"model": str(bare)})
    assert engine._model.feature_extractor.mel_filters.shape[0] == 128
    assert (await engine.info()).model == "bare"
    with pytest.raises(InvalidField, match="language must be given") as caught:
        await engine.transcribe(ListenJob(pcm=SOUND))
    assert caught.value.field == "language"


async def test_turbo_has_the_name_clients_know_and_does_not_translate(turbo):
    engine = await whisper.create({"model_path": str(turbo)})
    info = await engine.info()
    assert (info.model, info.supports_translation) == ("whisper_v3_turbo", False)
    with pytest.raises(UnsupportedFeature, match="whisper_v3_turbo cannot translate") as caught:
        await engine.transcribe(ListenJob(pcm=SOUND, language="de", is_translation=True))
    assert caught.value.field == "task"
    assert (await engine.transcribe(heard_once(language="de"))).language == "de"


async def test_an_english_model_has_one_language_and_80_mels(english):
    engine = await whisper.create({"model": str(english), "compute_type": "float32"})
    info = await engine.info()
    assert (info.model, info.languages, info.supports_translation) == ("my-own.en", ("en",), False)
    assert engine._model.feature_extractor.mel_filters.shape[0] == 80
    heard = await engine.transcribe(heard_once())
    assert (heard.language, heard.language_confidence) == ("en", None)
    with pytest.raises(InvalidField, match="is not one of the model's 1"):
        await engine.transcribe(ListenJob(pcm=SOUND, language="de"))
    with pytest.raises(UnsupportedFeature, match=r"my-own\.en cannot translate"):
        await engine.transcribe(ListenJob(pcm=SOUND, is_translation=True))


def test_layers_are_read_without_the_tensors(large, turbo, tmp_path):
    assert read_layout(large / "model.bin") == WhisperLayout(2, 2)
    assert read_layout(turbo / "model.bin").is_pruned
    base = joined_whisper(MODEL_CACHE) / "model.bin"
    assert read_layout(base) == WhisperLayout(6, 6)
    cut = tmp_path / "model.bin"
    cut.write_bytes((large / "model.bin").read_bytes()[:1_000_000])
    with pytest.raises(NotWhisper, match="cut off"):
        read_layout(cut)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("model.bin", r"no Whisper model in CTranslate2's format: model\.bin is not there"),
        ("tokenizer.json", r"tokenizer\.json is not there"),
        ("vocabulary.json", "vocabulary.json or vocabulary.txt is not there"),
    ],
)
async def test_what_a_folder_lacks_is_named(large, tmp_path, file, words):
    broken = Path(shutil.copytree(large, tmp_path / "broken", copy_function=os.link))
    (broken / file).unlink()
    with pytest.raises(ModelNotInstalled, match=words):
        await whisper.create({"model": str(broken)})


@pytest.mark.parametrize("content", [b"", b"GGUF" * 100, b"\x06\0\0\0\x0c\0WhisperSpec\0\x03\0\0\0\xd4\0\0\0"])
async def test_a_file_that_is_no_model_is_refused_without_loading_it(large, tmp_path, content):
    broken = Path(shutil.copytree(large, tmp_path / "broken"))
    (broken / "model.bin").write_bytes(content)
    with pytest.raises(ModelNotInstalled, match=r"model\.bin of the model that the option model names is not usable"):
        await whisper.create({"model": str(broken)})


@pytest.mark.parametrize(
    ("options", "words", "field"),
    [
        ({"model": "huge"}, r"model 'huge' is neither a folder .* nor a size: base, base\.en, large-v1", "model"),
        ({"model": ""}, "must not be empty", "model"),
        ({"model": "small", "model_path": "/x"}, "not both", "model_path"),
        ({"device": "gpu"}, "cpu, cuda or cuda:N, not 'gpu'", "device"),
        ({"device": "cpu:1"}, "cpu, cuda or cuda:N", "device"),
        ({"device": "cuda:98"}, "device 'cuda:98' is not there: CTranslate2 sees", "device"),
        (
            {"compute_type": "int4"},
            r"compute_type 'int4' is nothing that cpu computes with; it has .*int8",
            "compute_type",
        ),
    ],
)
async def test_options_that_cannot_be_met_are_refused_in_a_sentence(options, words, field):
    with pytest.raises(InvalidField, match=words) as caught:
        await whisper.create({"cache_dir": str(MODEL_CACHE), **options})
    assert caught.value.field == field


def test_base_is_the_default_and_a_gpu_has_its_number():
    assert whisper_options({}).wanted == "base"
    assert dataclasses.replace(whisper_options({}), device="cuda:1").device_index == 1


def test_every_name_of_turbo_leads_to_one_model():
    turbos = [size for size in HUB_IDS if size_name(size) == "whisper_v3_turbo"]
    assert turbos == ["large-v3-turbo", "turbo", "whisper_v3_turbo"]
    assert size_name("large-v3") == "whisper-large-v3"
