from pathlib import Path

import pytest

from antiphon_server.config.load import ConfigError, LoadedConfig, explain, load_config
from antiphon_server.config.settings import Config

FILE = """
listen = "0.0.0.0:6000"
grace_s = 5
strict_models = true
default_scenario = "pirate"
engine_path = ["/opt/engines"]

[tts]
engine = "hibari"
options.threads = 2

[chat]
engine = "openai"

[chat.options]
base_url = "https://chat.example.com/v1"
api_key = "sk-very-secret"
model = "some-chat"

[limits]
max_audio_ms = 60_000
max_synthesis_calls = 8

[scenarios.pirate]
instructions = "You are a pirate."
delivery = "emotion=pride"

[model_aliases]
my-voice = "tts"

[voice_aliases]
anna = "heart"
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "antiphon.toml"
    path.write_text(FILE)
    return str(path)


def load(text: str, tmp_path: Path, **environment: str) -> LoadedConfig:
    path = tmp_path / "some.toml"
    path.write_text(text)
    return load_config({}, str(path), environment)


def problem(text: str, tmp_path: Path, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, tmp_path, **environment)
    return str(caught.value)


def test_without_sources_everything_has_its_default():
    loaded = load_config({}, None, {})
    assert loaded.config == Config()
    assert loaded.sources == {}


def test_a_whole_file_is_read(file):
    config = load_config({}, file, {}).config
    assert (config.listen, config.grace_s, config.strict_models) == ("0.0.0.0:6000", 5.0, True)
    assert config.tts.options == {"threads": 2}
    assert config.chat.options["base_url"] == "https://chat.example.com/v1"
    assert (config.limits.max_audio_ms, config.limits.max_synthesis_calls) == (60_000, 8)
    assert config.engine_path == ("/opt/engines",)


def test_flags_win_over_the_environment_that_over_the_file_that_over_defaults(file):
    environment = {"ANTIPHON_LISTEN": "environment:1", "ANTIPHON_GRACE_S": "7", "PATH": "/bin"}
    loaded = load_config({"listen": "flag:1", "grace_s": None}, file, environment)
    config = loaded.config
    assert (config.listen, config.grace_s, config.strict_models, config.reflection) == ("flag:1", 7.0, True, True)
    assert loaded.sources["listen"] == "flag"
    assert loaded.sources["grace_s"] == "environment"
    assert loaded.sources["strict_models"] == "file"
    assert "reflection" not in loaded.sources


def test_groups_and_options_come_from_the_environment_too(file):
    environment = {
        "ANTIPHON_LIMITS_MAX_AUDIO_MS": "5000",
        "ANTIPHON_CHAT_OPTIONS_MODEL": "another",
        "ANTIPHON_TTS_ENGINE": "own.module:create",
        "ANTIPHON_STRICT_MODELS": "false",
    }
    config = load_config({}, file, environment).config
    assert config.limits.max_audio_ms == 5000
    assert config.limits.max_synthesis_calls == 8
    assert config.chat.options["model"] == "another"
    assert config.chat.options["base_url"] == "https://chat.example.com/v1"
    assert config.tts.engine == "own.module:create"
    assert config.strict_models is False


def test_own_scenarios_and_aliases_join_the_built_in_ones(file):
    config = load_config({}, file, {}).config
    assert set(config.scenarios) == {"daily", "assistant", "story", "pirate"}
    assert config.scenarios["pirate"].delivery == "emotion=pride"
    assert config.model_aliases["my-voice"] == "tts"
    assert config.model_aliases["whisper-1"] == "stt"
    assert config.voice_aliases == {"anna": "heart"}


def test_secrets_are_hidden_and_every_value_has_its_source(file):
    shown = explain(load_config({"listen": "flag:1"}, file, {"ANTIPHON_CHAT_OPTIONS_TOKEN": "tok-secret"}))
    assert "sk-very-secret" not in shown
    assert "tok-secret" not in shown
    assert 'chat.options.api_key = "***"  # file' in shown
    assert 'listen = "flag:1"  # flag' in shown
    assert "limits.max_audio_ms = 60000  # file" in shown
    assert "limits.max_text_bytes = 131072  # default" in shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lisen = '1:1'", ["lisen", "listen"]),
        ("[limits]\nmax_audio = 1", ["limits.max_audio", "max_audio_ms"]),
        ("[tts]\nengin = 'x'", ["tts.engin", "engine"]),
        ("[scenarios.x]\ninstruction = 'x'", ["scenarios.x.instruction", "instructions"]),
        ("[limits]\nmax_audio_ms = 999", ["limits.max_audio_ms", "1000", "999"]),
        ("grace_s = -1", ["grace_s", "0", "-1"]),
        ("grace_s = nan", ["grace_s", "nan"]),
        ("grace_s = 'soon'", ["grace_s", "number", "soon"]),
        ("grace_s = true", ["grace_s", "bool"]),
        ("[limits]\nmax_text_bytes = 2048.5", ["limits.max_text_bytes", "whole", "2048.5"]),
        ("listen = 5", ["listen", "str", "int"]),
        ("strict_models = 'maybe'", ["strict_models", "bool"]),
        ("limits = 5", ["limits", "table"]),
        ("scenarios = 5", ["scenarios", "table"]),
        ("scenarios.x = 5", ["scenarios.x", "table"]),
        ("[model_aliases]\nx = 5", ["model_aliases.x", "str"]),
        ("engine_path = 5", ["engine_path"]),
        ("engine_path = [5]", ["engine_path"]),
        ("log_level = 'LOUD'", ["log_level", "LOUD", "DEBUG"]),
        ("[limits]\nmax_audio_ms = inf", ["limits.max_audio_ms", "inf"]),
        ("listen = 'nowhere'", ["listen", "HOST:PORT", "nowhere"]),
        ("listen = ", ["TOML"]),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_limit_and_value(text, words, tmp_path):
    message = problem(text, tmp_path)
    assert all(word in message for word in words), message
    assert "\n" not in message.strip()


def test_unknown_variables_of_ours_are_refused_and_others_are_none_of_our_business(tmp_path):
    message = problem("", tmp_path, ANTIPHON_LISTN="x")
    assert "ANTIPHON_LISTN" in message
    assert "listen" in message
    assert "limits.max_text" in problem("", tmp_path, ANTIPHON_LIMITS_MAX_TEXT="5")
    load("", tmp_path, SOMETHING_ELSE="x")


def test_what_clients_read_from_the_same_shell_is_no_setting():
    given = {"ANTIPHON_SERVER": "localhost:50051", "ANTIPHON_API_KEY": "secret"}
    assert load_config({}, None, given).config == Config()


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        load_config({}, str(tmp_path / "gone.toml"), {})


def test_a_default_scenario_that_does_not_exist_stops_the_start(tmp_path):
    message = problem("default_scenario = 'mars'", tmp_path)
    assert "default_scenario" in message
    assert "mars" in message
