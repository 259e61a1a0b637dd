"""``antiphon transcribe FOLDER`` as a person or a script meets it, against a real server with scripted engines."""

import io
import json
import os
import pty
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.servers import Server, start_hearing
from support.sessions import voice

SENTENCE = "The quick brown fox jumps over the lazy dog."
NOBODY = "127.0.0.1:1"


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that always hears the same sentence."""
    server = start_hearing(tmp_path_factory.mktemp("config"), SENTENCE)
    yield server
    server.stop()


@pytest.fixture
def transcribe(scripted: Server, tmp_path: Path):
    """Run ``antiphon transcribe`` in a folder of the test and give how it ended."""

    def run(*arguments: str, server: str = scripted.grpc_target) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "antiphon_client", "transcribe", *arguments]
        environment = {**os.environ, "ANTIPHON_SERVER": server}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(voice(1000))
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two recordings, one of them deeper, with files of other kinds between them."""
    found = tmp_path / "talks"
    (found / "old").mkdir(parents=True)
    for name in ("a.wav", "old/b.wav", ".hidden.wav"):
        (found / name).write_bytes(wav())
    (found / "picture.xyz").write_bytes(b"not audio at all")
    return found


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_folder_gets_a_text_beside_each_recording(transcribe, folder):
    before = names(folder)
    done = transcribe("talks")
    assert done.returncode == 0, done.stderr
    assert names(folder) - before == {"a.txt"}
    assert (folder / "a.txt").read_text() == f"{SENTENCE}\n"
    assert done.stdout == ""
    *files, tally = done.stderr.splitlines()
    assert sorted(line.split(":")[0] for line in files) == ["talks/a.wav", "talks/picture.xyz"]
    assert "talks/a.wav: a.txt" in files
    assert "talks/picture.xyz: skipped, not audio: " in done.stderr
    assert tally == "1 transcribed, 1 not audio"


def test_every_format_is_written_and_the_recursion_reaches_all(transcribe, folder):
    formats = [f"--format={kind}" for kind in ("txt", "srt", "vtt", "json")]
    done = transcribe("talks", "--recursive", "--jobs", "4", *formats)
    assert done.returncode == 0, done.stderr
    for stem in ("a", "old/b"):
        assert (folder / f"{stem}.srt").read_text() == f"1\n00:00:00,000 --> 00:00:01,000\n{SENTENCE}\n"
        assert (folder / f"{stem}.vtt").read_text() == f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{SENTENCE}\n"
        found = json.loads((folder / f"{stem}.json").read_text())
        assert (found["text"], found["duration_ms"], found["warnings"]) == (SENTENCE, 1000, [])
        assert (folder / f"{stem}.txt").is_file()
    assert not any(name.endswith(".part") for name in names(folder))


def test_a_second_run_goes_on_where_the_first_stopped(transcribe, folder):
    (folder / "a.txt").write_text("mine\n")
    done = transcribe("talks", "--recursive")
    assert done.returncode == 0
    assert (folder / "a.txt").read_text() == "mine\n"
    assert (folder / "old/b.txt").read_text() == f"{SENTENCE}\n"
    assert "talks/a.wav: skipped, a.txt is there already (--overwrite replaces it)" in done.stderr.splitlines()
    assert done.stderr.splitlines()[-1] == "1 transcribed, 1 had their transcripts already, 1 not audio"
    assert transcribe("talks", "--format=srt", "--format=txt").returncode == 0
    assert (folder / "a.txt").read_text() == "mine\n"
    assert (folder / "a.srt").is_file()
    assert transcribe("talks", "--overwrite").returncode == 0
    assert (folder / "a.txt").read_text() == f"{SENTENCE}\n"


def test_what_is_named_or_looks_like_audio_fails_loudly_without_stopping_the_rest(transcribe, folder):
    (folder / "broken.mp3").write_bytes(b"not audio at all")
    done = transcribe("talks", "gone.wav")
    assert done.returncode == 3
    assert (folder / "a.txt").is_file()
    assert "antiphon: gone.wav: No such file or directory" in done.stderr.splitlines()
    assert any(
        line.startswith("antiphon: talks/broken.mp3: ") and line.endswith("(BAD_AUDIO)")
        for line in done.stderr.splitlines()
    )
    assert done.stderr.splitlines()[-1] == "1 transcribed, 1 not audio, 2 failed"
    only_bad = transcribe("talks/picture.xyz", "--format", "txt")
    assert only_bad.returncode == 1


def test_patterns_are_read_and_alike_names_do_not_meet(transcribe, folder):
    shutil.copy(folder / "a.wav", folder / "a.wave")
    done = transcribe("talks/a.*", "--format", "txt")
    assert done.returncode == 0, done.stderr
    assert {"a.wav.txt", "a.wave.txt"} <= names(folder)
    none = transcribe("talks/z*.wav")
    assert none.returncode == 2
    assert none.stderr == "antiphon: talks/z*.wav: no file fits this pattern\n"


def test_a_transcript_never_replaces_its_recording(transcribe, folder):
    (folder / "a.wav").rename(folder / "a.txt")
    before = (folder / "a.txt").read_bytes()
    done = transcribe("talks/a.txt", "--format", "txt", "--overwrite")
    assert done.returncode == 1
    assert "would replace the recording itself" in done.stderr
    assert (folder / "a.txt").read_bytes() == before


def test_nobody_at_the_address_is_one_sentence_and_nothing_is_written(transcribe, folder):
    before = names(folder)
    done = transcribe("talks", "--recursive", server=NOBODY)
    assert done.returncode == 1
    assert [NOBODY in line for line in done.stderr.splitlines()] == [True]
    assert names(folder) == before


@pytest.mark.parametrize(
    "arguments", [["talks", "--json"], ["talks", "--jobs", "0"], ["talks/a.wav", "--overwrite"]], ids=" ".join
)
def test_wrong_usage_of_a_folder_exits_with_2(transcribe, folder, arguments):
    done = transcribe(*arguments)
    assert done.returncode == 2
    assert "antiphon" in done.stderr


def test_an_empty_folder_is_said(transcribe, tmp_path):
    (tmp_path / "empty").mkdir()
    done = transcribe("empty")
    assert done.returncode == 1
    assert done.stderr == "antiphon: no files to transcribe in empty\n"


def test_a_pipe_in_a_folder_is_not_waited_for(transcribe, tmp_path):
    (tmp_path / "calls").mkdir()
    os.mkfifo(tmp_path / "calls" / "live.wav")
    done = transcribe("calls")
    assert done.returncode == 1
    assert "no files to transcribe" in done.stderr


def test_a_bar_is_shown_on_a_terminal(scripted, folder):
    command = [sys.executable, "-m", "antiphon_client", "transcribe", "talks", "--server", scripted.grpc_target]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(command, cwd=folder.parent, env=environment, stderr=theirs, timeout=60, check=False)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "transcribing" in shown
    assert "/2" in shown
