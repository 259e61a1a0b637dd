"""Every reason of the error table is produced by a test, or there is a reason why it cannot be."""

from pathlib import Path

from antiphon.speech.v1.error_table import ERROR_TABLE

CANNOT_HAPPEN = {
    "CONFLICT": "nothing can be created yet, so nothing can exist already",
    "UNAUTHENTICATED": "this build asks for no credentials",
    "PERMISSION_DENIED": "this build asks for no credentials",
    "RATE_LIMITED": "callers are not told apart, so none can send too often",
    "QUOTA_EXCEEDED": "callers are not told apart, so none has a quota",
    "CANCELLED": "who cancels gets this status from their own library; the server only counts it",
}
"""Reasons of the table that this build never answers."""
HERE = Path(__file__)


def test_every_reason_of_the_table_is_produced_by_a_test_or_cannot_happen():
    sources = [path for path in HERE.parent.glob("test_rpc_*.py") if path != HERE]
    text = "".join(path.read_text() for path in sources)
    produced = {reason for reason in ERROR_TABLE if f'"{reason}"' in text}
    assert produced | set(CANNOT_HAPPEN) == set(ERROR_TABLE)
    assert not produced & set(CANNOT_HAPPEN)
