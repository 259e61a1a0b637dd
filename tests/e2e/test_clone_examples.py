"""The examples of cloning and ``antiphon say --reference`` with a model that clones, and with one that cannot."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.servers import Compat, Server, start_compat

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("What I say in it.", "And not.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a recording."""
    at_s = np.arange(36_000) / 24_000
    soundfile.write(tmp_path / "me.wav", 0.3 * np.sin(1400 * at_s) * np.sin(9 * at_s), 24_000)
    return tmp_path


def run(folder: Path, *command: str, target: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in the folder."""
    environment = {**os.environ, "ANTIPHON_SERVER": target}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def clone_in_python(folder: Path, server: Server) -> subprocess.CompletedProcess[str]:
    example = str(ROOT / "clients/python/examples/clone_voice.py")
    return run(folder, sys.executable, example, "me.wav", *WORDS, "out.wav", server.grpc_target)


def clone_with_curl(folder: Path, compat: Compat) -> subprocess.CompletedProcess[str]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    script = str(ROOT / "clients/curl/clone.sh")
    return run(folder, "sh", script, "me.wav", *WORDS, "out.mp3", compat.http_url)


def say(folder: Path, server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "-m", "antiphon_client", "say", *arguments, target=server.grpc_target)


def test_the_python_example_speaks_in_the_voice_of_a_recording(higgs, folder):
    done = clone_in_python(folder, higgs)
    assert done.returncode == 0, done.stderr
    spoken_s = soundfile.info(folder / "out.wav").duration
    assert done.stdout == f"{spoken_s:.1f} s of speech in the voice of me.wav\n"
    assert spoken_s > 0.5


@pytest.mark.parametrize("arguments", [[], ["--help"], ["me.wav", *WORDS]])
def test_the_python_example_says_how_it_is_used(folder, arguments):
    done = run(folder, sys.executable, str(ROOT / "clients/python/examples/clone_voice.py"), *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: python clone_voice.py CLIP")
    assert len(done.stderr.splitlines()) == 1


def test_the_curl_example_uploads_and_encodes(higgs_compat, folder):
    done = clone_with_curl(folder, higgs_compat)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(folder / "out.mp3").format == "MP3"
    assert (folder / "out.streamed.wav").stat().st_size > 24_000


def test_say_clones_and_repeats_itself(higgs, folder):
    how = ["--seed", "7", "--temperature", "0.8", "--top-k", "50", "--option", "guard=true"]
    for name in ("a.wav", "b.wav"):
        clone = ["--reference", "me.wav", "--reference-text", WORDS[0]]
        done = say(folder, higgs, "Hi.", *clone, *how, "-o", name)
        assert done.returncode == 3, done.stderr  # tiny random weights seldom find an end
        assert done.stderr.splitlines()[-1].endswith("no longer spoke the text and was stopped (runaway)")
        assert "voice of me.wav" in done.stderr
    assert (folder / "a.wav").read_bytes() == (folder / "b.wav").read_bytes()
    assert soundfile.info(folder / "a.wav").duration > 0.1


def test_say_tells_what_is_wrong_with_a_clip(higgs, folder):
    (folder / "silent.wav").write_bytes((folder / "me.wav").read_bytes()[:44] + bytes(72_000))
    done = say(folder, higgs, "Hello.", "--reference", "silent.wav")
    assert done.returncode == 1
    assert "config.references[0].audio is silent" in done.stderr
    assert "(BAD_AUDIO, field config.references[0].audio, request " in done.stderr


def test_a_model_that_cannot_clone_says_so_and_leaves_no_file(scripted_server, folder):
    front = start_compat(scripted_server)
    try:
        refused = [
            clone_in_python(folder, scripted_server),
            clone_with_curl(folder, front),
            say(folder, scripted_server, "Hello.", "--reference", "me.wav"),
        ]
    finally:
        front.stop()
    for done in refused:
        assert done.returncode == 1
        assert "cannot clone voices" in done.stderr
        assert "Traceback" not in done.stderr
    assert [path.name for path in folder.iterdir()] == ["me.wav"]
