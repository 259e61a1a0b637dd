"""``antiphon say`` where the speech is not whole: it says why, fails, and keeps what was spoken."""

import asyncio

import pytest
import soundfile

from antiphon_client.cli import entry
from support.fronts import running_front, scripted_engines
from support.scripted_cloning import cloning_synthesizer


async def said(text, folder, *ends):
    """Exit code and file of one command."""
    engines = scripted_engines()
    engines.synthesizer = cloning_synthesizer(ends=ends)
    path = folder / "said.wav"
    async with running_front(engines) as front:
        code = await asyncio.to_thread(entry.run, ["say", text, "--server", front.address, "-o", str(path)])
    return code, soundfile.info(path).frames


@pytest.mark.parametrize("reason", ["LENGTH", "RUNAWAY", "DEADLINE"])
async def test_an_early_end_is_a_line_on_stderr_and_an_exit_code(tmp_path, capsys, reason):
    code, num_samples = await said("One. Two.", tmp_path, "STOP", reason)
    shown = capsys.readouterr()
    report, line = shown.err.splitlines()
    assert code == 3
    assert shown.out == ""
    assert "s of speech in" in report
    assert line.startswith("antiphon: not all of the text was spoken: ")
    assert line.endswith(f"({reason.lower()})")
    assert num_samples > 0


async def test_a_whole_speech_ends_well(tmp_path, capsys):
    assert (await said("One. Two.", tmp_path))[0] == 0
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_exit_code_is_in_the_help(capsys):
    with pytest.raises(SystemExit):
        entry.run(["say", "--help"])
    assert "exit code 3" in capsys.readouterr().out
