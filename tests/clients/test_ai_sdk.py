"""Vercel's AI SDK, unchanged but for its address: its schemas refuse answers that are not as documented."""

import pytest
from installed import run_node

from support.servers import Compat
from support.speech import word_error_rate

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]

TEXT = "The sun is warm today."


def test_it_speaks_listens_and_is_refused(compat: Compat, tmp_path):
    found = run_node("ai-sdk", "ai_sdk", f"{compat.http_url}/v1", TEXT, folder=tmp_path)
    assert found["spoken"]["media_type"] == "audio/mpeg"
    assert found["spoken"]["num_bytes"] > 5_000
    assert found["spoken"]["warnings"] == []
    for heard in (found["verbose"], found["plain"]):
        assert word_error_rate(TEXT, heard["text"]) == 0
    assert found["verbose"]["language"] == "en"
    assert found["verbose"]["segments"]
    assert found["refused"] == {"is_api_error": True, "status": 400, "is_retryable": False}
