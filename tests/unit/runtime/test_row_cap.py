"""The row cap cuts runaways and no reading, in whatever script, and is still a cap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.runtime.row_cap import row_cap

ROWS_PER_S = 25


@pytest.mark.parametrize(
    ("text", "tags", "slow_reading_s"),
    [
        ("Yes.", (), 1.5),
        ("The quick brown fox jumps over the lazy dog.", (), 5),
        ("WWW DNS HTTPS", (), 7),
        ("1234567890", (), 8),  # "one billion two hundred thirty-four million ..."
        ("$1,999.99 + 7% ≈ €2,139.99", (), 16),
        ("你好。世界。今天天气很好。", (), 6),
        ("東京特許許可局長今日急遽休暇許可拒否", (), 9),
        ("안녕하세요, 반갑습니다.", (), 5),
        ("नमस्ते, आप कैसे हैं?", (), 4),
        ("สวัสดีครับ ยินดีที่ได้รู้จัก", (), 5),
        ("السلام عليكم ورحمة الله", (), 4),
        ("🎉🥳", (), 5),
        ("Wait. ", ("prosody:long_pause", "prosody:long_pause"), 5),
        ("Haha", ("sfx:laughter",), 5),
        ("Very slowly, word by word.", ("prosody:speed_very_slow",), 6),
    ],
)
def test_a_slow_reading_takes_less_than_half_of_its_cap(text, tags, slow_reading_s):
    assert row_cap(text, tags) >= 2 * slow_reading_s * ROWS_PER_S


def test_a_sentence_that_never_ends_is_cut_long_before_the_models_own_limit():
    sentence = "I only wanted to ask whether you might be free for lunch tomorrow, because the weather looks good."
    assert row_cap(sentence) < 45 * ROWS_PER_S
    assert row_cap("Yes.") < 12 * ROWS_PER_S
    assert row_cap("今天天气很好。我们去公园散步吧。") < 25 * ROWS_PER_S


@given(st.text(max_size=200), st.text(max_size=20))
def test_more_text_never_lowers_the_cap(text, more):
    assert row_cap(text + more) >= row_cap(text) >= 150
