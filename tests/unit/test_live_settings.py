"""What writes partials, decided by the settings and by what was added."""

import asyncio

import pytest

from antiphon_server.app import build_engines, build_roster, live_transcriber
from antiphon_server.config.load import load_config
from antiphon_server.worker.remote import RemoteLiveTranscriber


def built(settings, cache_dir):
    config = load_config({"cache_dir": str(cache_dir), **settings}, None, {}).config
    live = live_transcriber(config)

    async def build():
        engines = build_engines(config, asyncio.Event(), None, live)
        return engines, build_roster(config, engines)

    return asyncio.run(build())


@pytest.mark.parametrize(
    ("settings", "is_there", "is_optional"),
    [
        ({}, True, True),
        ({"live": {"engine": "none"}}, False, False),
        ({"live": {"engine": "moonshine"}}, True, False),
        ({"live": {"engine": "my.own:create"}}, True, False),
    ],
)
def test_an_added_model_writes_partials_unless_the_settings_say_otherwise(tmp_path, settings, is_there, is_optional):
    (tmp_path / "moonshine-tiny-en").mkdir()
    engines, roster = built(settings, tmp_path)
    assert isinstance(roster.live, RemoteLiveTranscriber) == is_there
    assert [process.spec.name for process in engines.optional()] == (["live"] if is_optional else [])
    assert ("live" in [process.spec.name for process in engines.all()]) == is_there


def test_it_has_a_process_of_its_own_and_knows_where_the_model_lies(tmp_path):
    (tmp_path / "moonshine-tiny-en").mkdir()
    engines, _ = built({"live": {"engine": "auto", "options": {"threads": 2}}}, tmp_path)
    assert engines.live is not None
    assert dict(engines.live.spec.parts["live_transcriber"].options) == {"threads": 2, "cache_dir": str(tmp_path)}
    assert engines.of("live_transcriber") is engines.live
    assert engines.of("transcriber") is engines.stt


def test_nothing_writes_partials_where_nothing_was_added(tmp_path):
    engines, roster = built({}, tmp_path)
    assert roster.live is None
    assert engines.live is None


def test_the_environment_chooses_too():
    loaded = load_config({}, None, {"ANTIPHON_LIVE_ENGINE": "none", "ANTIPHON_LIVE_OPTIONS_THREADS": "2"})
    assert loaded.config.live.engine == "none"
    assert loaded.config.live.options == {"threads": "2"}
