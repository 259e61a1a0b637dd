"""Bytes that are no message: every call answers them by the table, and nothing of it is a defect of ours."""

import logging

import pytest
from google.protobuf.descriptor import MethodDescriptor

from support.contract import METHODS
from support.fronts import Refused, RunningFront, running_front
from support.refusals import check_good_call, refused

UNARY = [path for path, method in METHODS.items() if not method.client_streaming]
STREAMS = [f"antiphon.speech.v1.{name}" for name in ("SynthesisService/Synthesize", "TranscriptionService/Transcribe")]
GARBAGE = b"\xff" * 11
NO_UTF8 = b"\xff\xfe"


async def sent(front: RunningFront, path: str, data: bytes) -> Refused:
    """Send bytes as they are; the call has to fail."""
    method: MethodDescriptor = METHODS[path]
    if method.client_streaming:
        return await refused(front.channel.stream_stream(f"/{path}")(iter([data])))
    open_call = front.channel.unary_stream if method.server_streaming else front.channel.unary_unary
    return await refused(open_call(f"/{path}")(data))


def with_string(path: str, field: str, data: bytes) -> bytes:
    """A request whose one field is a string of these bytes."""
    number = METHODS[path].input_type.fields_by_name[field].number
    return bytes([number << 3 | 2, len(data)]) + data


@pytest.mark.parametrize("path", [*UNARY, *STREAMS])
async def test_bytes_that_are_no_message_are_an_invalid_request(path, caplog):
    async with running_front() as front:
        found = await sent(front, path, GARBAGE)
        assert (found.reason, found.fields) == ("INVALID_FIELD", ["request"])
        assert "cannot be decoded" in found.message
        await check_good_call(front)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("SynthesisService/ExplainSynthesis", "text"),
        ("SynthesisService/SynthesizeOnce", "text"),
        ("ModelService/GetModel", "model"),
        ("VoiceService/GetVoice", "voice"),
    ],
)
async def test_strings_that_are_not_utf8_are_an_invalid_request(name, field):
    path = f"antiphon.speech.v1.{name}"
    async with running_front() as front:
        found = await sent(front, path, with_string(path, field, NO_UTF8))
        assert (found.reason, found.fields) == ("INVALID_FIELD", ["request"])
        await check_good_call(front)
