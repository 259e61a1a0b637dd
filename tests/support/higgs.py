"""Higgs Audio v3 TTS with tiny seeded weights behind a real server: how it is served, not how it sounds."""

from pathlib import Path

from antiphon_server.model.make import SIZES, make_checkpoint
from support.servers import SCRIPTED, TESTS, Server, start_server

_ENGINE = """
engine = "antiphon_server.runtime.higgs:create"
[tts.options]
checkpoint = {folder!r}
dtype = "float32"
threads = 1
"""


def start_higgs(folder: Path) -> Server:
    """Make a checkpoint in a folder and start antiphon-server with it, and scripted engines for the rest."""
    make_checkpoint(folder / "tiny", SIZES["tiny"], seed=3)
    scripted = SCRIPTED.format(tests=str(TESTS))
    spoken = '\nengine = "support.scripted:create_synthesizer"\n'
    assert spoken in scripted
    config = folder / "higgs.toml"
    config.write_text(scripted.replace(spoken, _ENGINE.format(folder=str(folder / "tiny")), 1))
    return start_server("--metrics", "127.0.0.1:0", config=config)
