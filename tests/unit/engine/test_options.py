"""Options of engines, from a file with its types and from the environment, which has only texts."""

from dataclasses import dataclass, field

import pytest

from antiphon_server.config.load import load_config
from antiphon_server.engine.options import parse_options
from antiphon_server.errors import InvalidField


@dataclass(frozen=True)
class Sample:
    threads: int = field(default=2, metadata={"least": 1})
    pause_s: float = field(default=1.0, metadata={"least": 0.1})
    probe: bool = False
    api_key: str = ""


def test_numbers_and_switches_of_the_environment_are_read_by_the_kind_of_their_option():
    environment = {
        "ANTIPHON_TTS_OPTIONS_THREADS": "4",
        "ANTIPHON_TTS_OPTIONS_PAUSE_S": "0.5",
        "ANTIPHON_TTS_OPTIONS_PROBE": "true",
        "ANTIPHON_TTS_OPTIONS_API_KEY": "1234",
    }
    options = load_config({}, None, environment).config.tts.options
    assert parse_options(options, Sample) == Sample(threads=4, pause_s=0.5, probe=True, api_key="1234")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": "4.0"}, "threads must be int, not str"),
        ({"threads": "1_0"}, "threads must be int, not str"),
        ({"threads": "-3"}, "at least 1, not -3"),
        ({"pause_s": "nan"}, "pause_s must be float, not str"),
        ({"pause_s": "0"}, "at least 0.1, not 0.0"),
        ({"probe": "perhaps"}, "probe must be bool, not str"),
        ({"probe": 1}, "probe must be bool, not int"),
        ({"api_key": 7}, "api_key must be str, not int"),
    ],
)
def test_what_is_neither_is_refused_by_name(options, message):
    with pytest.raises(InvalidField, match=message):
        parse_options(options, Sample)
