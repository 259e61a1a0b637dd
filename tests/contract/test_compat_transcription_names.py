"""Names of form fields as libraries and other servers write them: read, or reported."""

import json

import pytest
from test_compat_transcription_fields import ROUTE, TRANSLATIONS, config_of


@pytest.mark.parametrize("name", ["timestamp_granularities", "timestamp_granularities[]", "timestamp_granularities[0]"])
async def test_lists_may_be_written_as_libraries_do(name):
    config, answer = await config_of((name, "word"), ("response_format", "verbose_json"))
    assert config.word_times
    assert json.loads(answer.headers["X-Warnings"]) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("task", "did you mean the route /v1/audio/translations?"),
        ("diarize", "of another server"),
        ("responseFormat", "did you mean response_format?"),
        ("keywords[x]", "did you mean keywords?"),
    ],
)
@pytest.mark.parametrize("route", [ROUTE, TRANSLATIONS])
async def test_fields_without_effect_are_warnings(name, said, route):
    _, answer = await config_of((name, "true"), ("colour", "red"), route=route)
    (warning,) = json.loads(answer.headers["X-Warnings"])
    assert (warning["code"], warning["param"]) == ("field_ignored", name)
    assert said in warning["message"]
