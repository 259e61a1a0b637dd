# ruff: noqa: RUF001 - the dashes, primes and minus signs of real texts are meant

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.embedded.verbalize import english, verbalized


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("-$5.00 today", "minus $5.00 today"),
        ("−5 °C to -3 °C", "minus 5 °C to minus 3 °C"),
        ("5 − 3", "5 minus 3"),
        ("49,90 €", "€49.90"),
        ("1.299,00 €, 1,000 € or 5€", "€1299.00, €1000 or €5"),
        ("$1.5bn, $50k and €3M", "$1.5 billion, $50 thousand and €3 million"),
        (".75 inches or .5 grams", "0.75 inches or 0.5 grams"),
        ("⅔ cup and 2⅓ cups", "two thirds cup and 2 and one third cups"),
        ("code 004512, agent 007", "code 0 0 4 5 1 2, agent 0 0 7"),
        ("$20-$30, 20-30%, 10–20 people", "$20 to $30, 20 to 30%, 10 to 20 people"),
        ("9:00-17:00 or 9:00 AM - 5:00 PM", "9:00 to 17:00 or 9:00 AM to 5:00 PM"),
        ("$20 - $30, $1.5bn-$2bn", "$20 to $30, $1.5 billion to $2 billion"),
        ("v2.10.3 on 192.168.1.10", "v 2 point 10 point 3 on 192 dot 168 dot 1 dot 10"),
        ("jane.doe@shop-online.co.uk", "jane dot doe at shop dash online dot co dot uk"),
        ("example.com and Node.js.", "example dot com and Node dot js."),
        ("6'2\" or 5’11”", "6 feet 2 inches or 5 feet 11 inches"),
        ("Fig. 3, No. 5 and pp. 12", "figure 3, number 5 and pages 12"),
        ("1,2,3 and 49,90", "1, 2, 3 and 49, 90"),
        ("3.14159265358979323 kilos", "3 point 1 4 1 5 9 2 6 5 3 5 8 9 7 9 3 2 3 kilos"),
    ],
)
def test_what_would_be_misread_is_put_in_words(written, said):
    assert verbalized(written) == said


@pytest.mark.parametrize(
    "text",
    [
        "$1,000,000,000.00",
        "It is 09:30 on 05/12/2026 or 2026-01-05, 0.5 left.",
        "Call 555-1234 on covid-19, A4-5.",
        "e.g. the U.S.A. at 5 p.m. today.",
        "£3.50, 20%, 21st, 1990s, 3.5 GB, 1,234,567.89",
        "Yes. No. Wait...",
        "05.12.2026",
        "Wait a sec. 5 came. He said no. 3 left.Then it was $5 - 3 days, 5 $10 bills, $5 M&Ms.",
    ],
)
def test_what_the_front_end_reads_right_is_left_to_it(text):
    assert verbalized(text) == text


def test_letters_that_are_told_as_left_out_are_not_spoken():
    assert english("Привет, my friend. Ελλάδα") == ", my friend."


@given(st.text(alphabet="0123456789.,-–−$€%: avkmbn@'\"⅓", max_size=60))
def test_no_digit_is_lost_or_added_but_the_zero_before_a_point(text):
    assert re.sub("[^1-9]", "", verbalized(text)) == re.sub("[^1-9]", "", text)


@pytest.mark.parametrize("part", ["a", "a-", "a.", "1.", "1,", "$1-", "1:", "@a", "a@a.", "no. ", "1–"])
def test_no_text_takes_long(part):
    assert verbalized(part * 20_000)
