"""Which speech models a server starts, decided by its settings and by what was added."""

import asyncio

import pytest

from antiphon_server.__main__ import main
from antiphon_server.app import build_engines, build_roster, second_tts
from antiphon_server.config.load import load_config
from antiphon_server.engine.roster import SecondSynthesizer


def second_of(settings, cache_dir) -> SecondSynthesizer | None:
    config = load_config({"cache_dir": str(cache_dir), **settings}, None, {}).config

    found = second_tts(config)

    async def build() -> SecondSynthesizer | None:
        return build_roster(config, build_engines(config, asyncio.Event(), found)).second

    return asyncio.run(build())


@pytest.mark.parametrize(
    ("settings", "is_there"),
    [
        ({}, True),
        ({"tts": {"engine": "kokoro"}}, False),
        ({"second_tts": {"engine": "none"}}, False),
        ({"second_tts": {"engine": "kokoro"}}, True),
    ],
)
def test_an_added_model_is_the_second_unless_the_settings_say_otherwise(tmp_path, settings, is_there):
    (tmp_path / "kokoro-1.0").mkdir()
    second = second_of(settings, tmp_path)
    assert (second.name if second else None) == ("kokoro" if is_there else None)


def test_nothing_is_second_where_nothing_was_added(tmp_path):
    assert second_of({}, tmp_path) is None
    wanted = second_of({"second_tts": {"engine": "kokoro", "options": {"threads": 1}}}, tmp_path)
    assert wanted is not None
    assert wanted.name == "kokoro"


def test_the_environment_and_a_flag_choose_too(capsys):
    loaded = load_config({}, None, {"ANTIPHON_SECOND_TTS_ENGINE": "none", "ANTIPHON_SECOND_TTS_OPTIONS_THREADS": "1"})
    assert loaded.config.second_tts.engine == "none"
    assert loaded.config.second_tts.options == {"threads": "1"}
    assert main(["--tts", "kokoro", "--print-config"]) == 0
    assert 'tts.engine = "kokoro"  # flag' in capsys.readouterr().out
