"""The command line as a person or a script meets it, against a real server with scripted engines."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from support.servers import Server, start_hearing

SENTENCE = "The quick brown fox jumps over the lazy dog."
NOBODY = "127.0.0.1:1"


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose voice is a tone and who always hears the same sentence."""
    server = start_hearing(tmp_path_factory.mktemp("config"), SENTENCE)
    yield server
    server.stop()


@pytest.fixture
def antiphon(scripted: Server, tmp_path: Path):
    """Run one command in an empty folder and give how it ended."""

    def run(*arguments: str, text: str = "", server: str = scripted.grpc_target) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "antiphon_client", *arguments]
        environment = {**os.environ, "ANTIPHON_SERVER": server}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, input=text.encode(), capture_output=True, timeout=60, check=False
        )

    return run


def error_of(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line a failed command leaves on stderr."""
    (line,) = done.stderr.decode().splitlines()
    return line


def test_say_writes_a_wav_with_a_true_header_and_an_honest_report(antiphon, tmp_path):
    done = antiphon("say", "Hello there.", "--rate", "16000")
    assert done.returncode == 0
    assert done.stdout == b""
    samples, rate_hz = soundfile.read(tmp_path / "speech.wav")
    assert rate_hz == 16_000
    (report,) = done.stderr.decode().splitlines()
    assert report.startswith(f"{len(samples) / rate_hz:.2f} s of speech in speech.wav, first audio after ")
    assert "scripted-tts, voice tone" in report


def test_say_reads_a_pipe_and_writes_a_pipe(antiphon):
    done = antiphon("say", "-", "-o", "-", text="Hello there.\n")
    assert done.returncode == 0
    samples, rate_hz = soundfile.read(io.BytesIO(done.stdout))
    assert rate_hz == 24_000
    assert len(samples) > 0


def test_say_writes_the_format_of_the_files_name(antiphon, tmp_path):
    assert antiphon("say", "Hello.", "-o", "hello.pcm").returncode == 0
    assert antiphon("say", "Hello.", "-o", "hello.mulaw").returncode == 0
    sizes = [(tmp_path / name).stat().st_size for name in ("hello.pcm", "hello.mulaw")]
    assert sizes[0] == 2 * sizes[1]


def test_transcribe_gives_text_words_and_json(antiphon, tmp_path):
    antiphon("say", "Hello.", "-o", "clip.wav")
    assert antiphon("transcribe", "clip.wav").stdout.decode() == f"{SENTENCE}\n"
    lines = antiphon("transcribe", "clip.wav", "--words").stdout.decode().splitlines()
    assert [line.split()[-1] for line in lines[1:]] == SENTENCE.split()
    found = json.loads(antiphon("transcribe", "clip.wav", "--json", "--words").stdout)
    assert found["text"] == SENTENCE
    assert found["duration_ms"] == round(soundfile.info(tmp_path / "clip.wav").duration * 1000)
    assert len(found["words"]) == 9


def test_one_bad_file_does_not_stop_the_others(antiphon, tmp_path):
    antiphon("say", "Hello.", "-o", "clip.wav")
    (tmp_path / "noise.wav").write_bytes(b"not audio at all")
    done = antiphon("transcribe", "missing.wav", "noise.wav", "clip.wav")
    assert done.returncode == 3
    assert done.stdout.decode() == f"clip.wav: {SENTENCE}\n"
    missing, noise = done.stderr.decode().splitlines()
    assert missing == "antiphon: missing.wav: No such file or directory"
    assert noise.startswith("antiphon: noise.wav: ")
    assert noise.endswith("(BAD_AUDIO)")


def test_converse_answers_each_line_in_text_and_sound(antiphon, tmp_path):
    done = antiphon("converse", text="Hello.\n\nAnd you?\n")
    assert done.returncode == 0
    assert done.stdout.decode() == "reply: All right.\n" * 2
    files = sorted(path.name for path in (tmp_path / "conversation").iterdir())
    assert files == ["reply-001.wav", "reply-002.wav"]
    assert all(soundfile.info(tmp_path / "conversation" / name).frames > 0 for name in files)


def test_converse_takes_a_recording_as_a_turn(antiphon, tmp_path):
    antiphon("say", "Hello.", "-o", "turn.wav")
    done = antiphon("converse", "--file", "turn.wav", "--text-only")
    assert done.returncode == 0
    assert done.stdout.decode().splitlines() == [f"you:   {SENTENCE}", "reply: All right."]
    assert not (tmp_path / "conversation").exists()


def test_models_lists_models_and_voices(antiphon):
    found = json.loads(antiphon("models", "--json").stdout)
    assert [voice["id"] for voice in found["voices"]] == ["tone"]
    assert {model["kind"] for model in found["models"]} >= {"MODEL_KIND_SYNTHESIS", "MODEL_KIND_TRANSCRIPTION"}
    table = antiphon("models").stdout.decode()
    assert "scripted-tts" in table
    assert "480 Hz" in table


def test_doctor_lets_the_server_speak_to_itself(antiphon):
    done = antiphon("doctor", "--http", NOBODY)
    shown = done.stdout.decode()
    assert done.returncode == 0, shown
    assert "ok    model scripted-stt: ready" in shown
    assert f'ok    listens: "{SENTENCE}"' in shown
    assert f"note  http: {NOBODY}: " in shown
    assert shown.endswith("All is well.\n")


def test_doctor_says_what_to_do_when_nobody_answers(antiphon):
    done = antiphon("doctor", server=NOBODY)
    assert done.returncode == 1
    assert f"FAIL  server: {NOBODY}" in done.stdout.decode()
    assert "antiphon up" in done.stdout.decode()


def test_a_refused_value_is_one_sentence_with_reason_field_and_request(antiphon, tmp_path):
    done = antiphon("say", "Hello.", "--voice", "nobody")
    assert done.returncode == 1
    assert error_of(done).startswith("antiphon: ")
    assert "(UNKNOWN_VOICE, field config.voice, request " in error_of(done)
    assert list(tmp_path.iterdir()) == []


def test_nobody_at_the_address_is_one_sentence_that_says_what_to_start(antiphon):
    done = antiphon("say", "Hello.", server=NOBODY)
    assert done.returncode == 1
    assert NOBODY in error_of(done)
    assert "antiphon up" in error_of(done)


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"],
        [],
        ["say"],
        ["say", " "],
        ["say", "Hello.", "--speed", "fast"],
        ["say", "Hello.", "--play", "-o", "-"],
        ["transcribe"],
        ["converse", "--text-only", "--play"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(antiphon, arguments):
    done = antiphon(*arguments)
    assert done.returncode == 2
    assert "antiphon" in done.stderr.decode()


@pytest.mark.parametrize("command", ["up", "say", "transcribe", "converse", "models", "doctor"])
def test_help_teaches_by_example(antiphon, command):
    shown = antiphon(command, "--help").stdout.decode()
    assert "examples:" in shown
    assert f"  antiphon {command}" in shown


def test_progress_is_shown_on_a_terminal_only(scripted, tmp_path):
    command = [sys.executable, "-m", "antiphon_client", "say", "Hello.", "--server", scripted.grpc_target]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, stderr=theirs, timeout=60, check=False)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "s of audio (" in shown
