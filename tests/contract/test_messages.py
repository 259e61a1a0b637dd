"""Every message of the contract survives the wire, filled to the last field."""

import importlib
from pathlib import Path

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
PACKAGE = "antiphon.speech.v1"
PROTOS = sorted((ROOT / "proto/antiphon/speech/v1").glob("*.proto"))
FILES = [importlib.import_module(f"{PACKAGE}.{path.stem}_pb2").DESCRIPTOR for path in PROTOS]
MAX_DEPTH = 4
"""Messages inside messages; recursive ones would never end."""

_SCALARS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32, allow_nan=False),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}


def every_message(messages: list[Descriptor]) -> list[Descriptor]:
    """Return the messages and all that are declared inside them, without the entries of maps."""
    own = [message for message in messages if not message.GetOptions().map_entry]
    return own + [inner for message in own for inner in every_message(list(message.nested_types))]


MESSAGES = every_message([message for file in FILES for message in file.message_types_by_name.values()])


def is_map(field: FieldDescriptor) -> bool:
    """Tell a map from a list of messages."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def value(draw: st.DrawFn, field: FieldDescriptor, depth: int) -> object:
    """Draw one value of a field's type; an element where the field repeats."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        return filled(draw, field.message_type, depth - 1)
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return draw(st.sampled_from([entry.number for entry in field.enum_type.values]))
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return draw(st.binary(max_size=8))
        return draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
    return draw(_SCALARS[field.cpp_type])


def fill(draw: st.DrawFn, message: Message, field: FieldDescriptor, depth: int) -> None:
    """Set one field of a message."""
    target = getattr(message, field.name)
    if is_map(field):
        entry = field.message_type.fields_by_name
        key, held = value(draw, entry["key"], depth), value(draw, entry["value"], depth)
        if entry["value"].message_type is not None:
            target[key].CopyFrom(held)
        else:
            target[key] = held
    elif field.is_repeated:
        target.extend([value(draw, field, depth), value(draw, field, depth)])
    elif field.message_type is not None:
        target.CopyFrom(value(draw, field, depth))
        target.SetInParent()
    else:
        setattr(message, field.name, value(draw, field, depth))


def filled(draw: st.DrawFn, kind: Descriptor, depth: int = MAX_DEPTH) -> Message:
    """Build a message with every field set, and of each oneof the member that is drawn."""
    message = GetMessageClass(kind)()
    if depth > 0:
        for field in kind.fields:
            if field.containing_oneof is None or is_optional(field.containing_oneof):
                fill(draw, message, field, depth)
        for oneof in kind.oneofs:
            if not is_optional(oneof):
                fill(draw, message, draw(st.sampled_from(list(oneof.fields))), depth)
    return message


def is_optional(oneof: OneofDescriptor) -> bool:
    """Tell the oneof that stands for `optional` from one that the contract declares."""
    return len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}"


def round_trips(message: Message) -> None:
    """Check both encodings."""
    assert type(message).FromString(message.SerializeToString()) == message
    assert json_format.Parse(json_format.MessageToJson(message), type(message)()) == message


def test_every_proto_file_has_been_walked() -> None:
    assert len(FILES) == len(PROTOS) > 0
    assert {file.package for file in FILES} == {PACKAGE}
    assert len(MESSAGES) > len(FILES)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.full_name.removeprefix(f"{PACKAGE}."))
def test_a_message_with_every_member_of_every_oneof_round_trips(kind: Descriptor) -> None:
    """One message a oneof member, deterministic: nothing is left to the draw."""
    for oneof in [oneof for oneof in kind.oneofs if not is_optional(oneof)]:
        for field in oneof.fields:
            message = GetMessageClass(kind)()
            if field.message_type is not None:
                getattr(message, field.name).SetInParent()
            else:
                setattr(message, field.name, field.default_value)
            assert message.WhichOneof(oneof.name) == field.name
            round_trips(message)
    round_trips(GetMessageClass(kind)())


@given(data=st.data(), kind=st.sampled_from(MESSAGES))
def test_a_filled_message_round_trips(data: st.DataObject, kind: Descriptor) -> None:
    message = filled(data.draw, kind)
    for field in kind.fields:
        if field.has_presence and (field.containing_oneof is None or is_optional(field.containing_oneof)):
            assert message.HasField(field.name)
    round_trips(message)


@given(data=st.data(), kind=st.sampled_from(MESSAGES))
def test_a_reader_of_an_older_contract_keeps_what_it_does_not_know(data: st.DataObject, kind: Descriptor) -> None:
    message = filled(data.draw, kind)
    future = message.SerializeToString() + b"\xfa\xff\x7f\x03new"  # field 262143, length-delimited
    assert type(message).FromString(future).SerializeToString().endswith(b"\x03new")


def test_optional_scalars_tell_absent_from_zero() -> None:
    optional = [
        (kind, field)
        for kind in MESSAGES
        for field in kind.fields
        if field.containing_oneof is not None and is_optional(field.containing_oneof)
    ]
    assert optional
    for kind, field in optional:
        message = GetMessageClass(kind)()
        assert not message.HasField(field.name)
        setattr(message, field.name, field.default_value)
        assert type(message).FromString(message.SerializeToString()).HasField(field.name)
