"""``antiphon listen`` and what a model can be told on the command line, against a real server with scripted engines."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.refusals import wav
from support.servers import Server, scripted_config, start_server
from support.sessions import silence, voice

COMMAND = [sys.executable, "-m", "antiphon_client"]
EARS = """
[stt.options]
thinks = false
answers = ["one two", "three four"]
jobs_path = "{jobs_path}"
"""


@pytest.fixture(scope="module")
def jobs_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs") / "jobs.jsonl"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, jobs_path: Path) -> Iterator[dict[str, str]]:
    """Where a server listens that is sure of nothing, and a path without sound programs."""
    config = scripted_config(tmp_path_factory.mktemp("config"), EARS.format(jobs_path=jobs_path))
    config.write_text(config.read_text().replace("support.scripted:create_transcriber", "support.scripted_ears:create"))
    server: Server = start_server(config=config)
    yield {**os.environ, "ANTIPHON_SERVER": server.grpc_target, "PATH": ""}
    server.stop()


@pytest.fixture
def antiphon(environment: dict[str, str], tmp_path: Path):
    """Run one command in a folder with one recording."""
    (tmp_path / "talk.wav").write_bytes(wav(voice(1000)))

    def run(*arguments: str, sound: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [*COMMAND, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, input=sound, capture_output=True, timeout=60, check=False
        )

    return run


def test_each_stretch_of_speech_is_a_line(antiphon):
    done = antiphon("listen", "-", sound=voice(800) + silence(900) + voice(800) + silence(900))
    assert (done.returncode, done.stdout) == (0, b"one two\nthree four\n"), done.stderr
    assert done.stderr.startswith(b"scripted-stt listens, ")


def test_events_are_json_where_programs_read_them(antiphon):
    done = antiphon("listen", "-", "--json", "--report", sound=silence(500) + voice(800) + silence(900))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (final,) = [event for event in events if event["type"] == "final"]
    assert 400 <= final["start_ms"] + 400 <= final["end_ms"] <= 2300
    (piece,) = final["report"]["pieces"]
    assert piece["checks"][0]["name"] == "average_log_prob"
    assert {event["type"] for event in events} <= {"partial", "final"}


def test_ctrl_c_ends_the_sound_and_what_was_said_is_still_written(environment):
    theirs, ours = os.pipe()
    command = [*COMMAND, "listen", "-", "--json"]
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=subprocess.PIPE) as listening:
        os.close(theirs)
        os.write(ours, voice(800) + silence(300))
        assert listening.stdout is not None
        assert json.loads(listening.stdout.readline())["type"] == "partial"
        listening.send_signal(signal.SIGINT)
        events = [json.loads(line) for line in listening.stdout]
        os.close(ours)
    assert listening.returncode == 0
    assert events[-1]["type"] == "final"
    assert events[-1]["text"]


def test_a_terminal_shows_what_is_understood_so_far(environment):
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "listen", "-"],
        env=environment | {"TERM": "xterm"},
        input=voice(800) + silence(900),
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "one two" in shown or "three four" in shown


def test_a_machine_that_cannot_record_says_what_to_install(antiphon):
    done = antiphon("listen")
    assert done.returncode == 1
    assert b"install one of arecord, parec, rec" in done.stderr


def test_what_a_model_can_be_told_reaches_it(antiphon, jobs_path):
    told = ("--language", "de", "--prompt", "A letter.", "--key-word", "Antiphon", "--translate", "--thinking", "on")
    done = antiphon("transcribe", "talk.wav", *told)
    assert done.returncode == 0
    assert done.stderr == b"warning: config.thinking has no effect on scripted-stt\n"
    job = json.loads(jobs_path.read_text().splitlines()[-1])
    assert (job["language"], job["prompt"], job["key_words"]) == ("de", "A letter.", ["Antiphon"])
    assert job["is_translation"]


def test_a_report_follows_the_words_and_stands_in_json(antiphon, tmp_path):
    done = antiphon("transcribe", "talk.wav", "--report")
    _, piece, check = done.stdout.decode().splitlines()
    assert piece.split()[:2] == ["0.00", "1.00"]
    assert piece.endswith("ended by audio")
    assert check.endswith("average_log_prob -1.25, limit -1")
    assert antiphon("transcribe", "talk.wav", "--report", "--format", "json").returncode == 0
    found = json.loads((tmp_path / "talk.json").read_text())
    assert found["report"]["pieces"][0]["ended_by"] == "audio"
    assert 0 < found["segments"][0]["confidence"] < 1
    assert antiphon("transcribe", "talk.wav", "--report", "--format", "srt").returncode == 2


def test_an_option_that_is_refused_ends_the_run_at_once(antiphon, tmp_path):
    for number in range(2):
        (tmp_path / f"talk{number}.wav").write_bytes(wav(voice(300)))
    done = antiphon("transcribe", ".", "--language", "eng")
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert "does not know the language 'eng'; there is en" in line
