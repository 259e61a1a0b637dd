"""Cloning and delivery through the client and ``antiphon say``: what reaches the wire, and what is refused before."""

import asyncio
import os
import subprocess
import sys

import pytest
from client_stubs.scripted_server import audio, scripted_server, started, utterance_done

from antiphon.speech.v1.synthesis_service_pb2 import SynthesisConfig
from antiphon.speech.v1.voice_pb2 import VoiceReference
from antiphon_client import AntiphonClient, Reference
from antiphon_client.cli import entry

CLIP = b"RIFFclip"
MIB = 1024 * 1024
NOBODY = "127.0.0.1:1"


class Keeping:
    """A behaviour of the scripted server that keeps the config and says four bytes."""

    def __init__(self) -> None:
        self.config = SynthesisConfig()

    async def __call__(self, requests, context):
        async for request in requests:
            if request.HasField("config"):
                self.config = request.config
                yield started()
            if request.HasField("finish"):
                break
        yield audio(b"abcd")
        yield utterance_done(b"abcd")


async def say(target: str, *arguments: str, folder) -> subprocess.CompletedProcess[bytes]:
    """Run ``antiphon say`` beside this event loop."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "antiphon_client", "say", "Hello.", *arguments],
        cwd=folder,
        env={**os.environ, "ANTIPHON_SERVER": target},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, error = await process.communicate()
    return subprocess.CompletedProcess([], process.returncode or 0, out, error)


async def test_a_reference_is_sent_with_its_transcript_and_stands_over_those_of_the_config(tmp_path):
    (tmp_path / "me.wav").write_bytes(CLIP)
    keeping = Keeping()
    config = SynthesisConfig(references=[VoiceReference(audio=b"another")])
    reference = await Reference.read(tmp_path / "me.wav", "hi")
    async with (
        scripted_server(keeping) as server,
        AntiphonClient(server.target) as client,
        client.speak("x", reference=reference, config=config) as speech,
    ):
        await speech.read()
    (sent,) = keeping.config.references
    assert (sent.audio, sent.transcript) == (CLIP, "hi")
    assert config.references[0].audio == b"another"


async def test_what_cannot_be_sent_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    with (tmp_path / "large.wav").open("wb") as file:
        file.truncate(11 * MIB)
    with pytest.raises(ValueError, match="empty"):
        await Reference.read(tmp_path / "empty.wav")
    with pytest.raises(ValueError, match=r"11\.0 MiB; a reference may have at most 10 MiB"):
        await Reference.read(tmp_path / "large.wav")
    with pytest.raises(ValueError, match="at most 10 MiB"):
        Reference(bytes(10 * MIB + 1))
    with pytest.raises(FileNotFoundError):
        await Reference.read(tmp_path / "missing.wav")


def test_a_reference_in_a_log_shows_neither_sound_nor_words():
    assert repr(Reference(CLIP, "secret")) == "Reference()"


async def test_say_passes_every_option_on_in_the_contracts_words(tmp_path):
    (tmp_path / "me.wav").write_bytes(CLIP)
    keeping = Keeping()
    given = "--reference me.wav --seed 7 --temperature 0.8 --top-p 0.9 --top-k 50 --language en --option guard=false"
    more = "--option rows=7 --option pace=0.5 --option mode=soft --reference-text hi --model m --speed 1.5"
    async with scripted_server(keeping) as server:
        done = await say(server.target, *given.split(), *more.split(), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"voice of me.wav" in done.stderr
    config, sampling, options = keeping.config, keeping.config.sampling, keeping.config.options
    assert (config.references[0].audio, config.references[0].transcript) == (CLIP, "hi")
    assert (config.language, config.model, config.speed, config.voice) == ("en", "m", 1.5, "")
    assert (sampling.seed, sampling.temperature, sampling.top_p, sampling.top_k) == (7, 0.8, 0.9, 50)
    assert options["guard"].HasField("bool_value")
    assert (options["rows"].int_value, options["pace"].double_value, options["mode"].string_value) == (7, 0.5, "soft")


async def test_say_leaves_out_what_is_not_given(tmp_path):
    keeping = Keeping()
    async with scripted_server(keeping) as server:
        assert (await say(server.target, folder=tmp_path)).returncode == 0
    assert not keeping.config.references
    assert not keeping.config.options
    assert not keeping.config.sampling.ListFields()


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["--reference", "missing.wav"], 1, "antiphon: missing.wav: No such file or directory"),
        (["--reference", "."], 1, "antiphon: .: Is a directory"),
        (["--reference", "large.wav"], 1, "antiphon: large.wav: the clip has 11.0 MiB; a reference may have at most"),
        (["--reference", "empty.wav"], 1, "antiphon: empty.wav: the clip is empty"),
        (["--reference", "me.wav", "--voice", "nora"], 2, "--voice and --reference do not go together"),
        (["--reference-text", "hi"], 2, "add --reference CLIP"),
        (["--option", "guard"], 2, "--option needs NAME=VALUE, such as guard=false, not 'guard'"),
        (["--option", "pace=nan"], 2, "--option pace must be finite, not nan"),
        (["--seed", "-1"], 2, "--seed: must be a whole number from 0 to 9223372036854775807, not '-1'"),
        (["--seed", "9223372036854775808"], 2, "--seed: must be a whole number"),
        (["--temperature", "inf"], 2, "--temperature: must be a number, not 'inf'"),
        (["--top-k", "0"], 2, "--top-k: must be a whole number from 1 to 1026, not '0'"),
        (["--rate", "99999999999"], 2, "--rate: must be a whole number from 8000 to 48000"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_say_tells_what_to_change_before_anything_is_sent(tmp_path, monkeypatch, capsys, arguments, exit_code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me.wav").write_bytes(CLIP)
    (tmp_path / "empty.wav").write_bytes(b"")
    with (tmp_path / "large.wav").open("wb") as file:
        file.truncate(11 * MIB)
    try:
        code = entry.run(["say", "Hello.", "--server", NOBODY, *arguments])
    except SystemExit as ending:  # how argparse refuses a command line
        code = ending.code
    shown = capsys.readouterr()
    assert (code, shown.out) == (exit_code, "")
    assert said in shown.err
    assert not (tmp_path / "speech.wav").exists()
