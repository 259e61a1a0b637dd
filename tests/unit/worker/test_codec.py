"""Every message survives the channel."""

import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_server.engine.spec import ROLES, EngineSpec, PartSpec
from antiphon_server.worker.codec import MESSAGE_CLASSES, decode, encode

SCALARS = {
    str: st.text(max_size=20),
    bytes: st.binary(max_size=64),
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**64 - 1),
    float: st.floats(allow_nan=False),
    NoneType: st.none(),
    object: st.one_of(st.none(), st.booleans(), st.text(max_size=5), st.lists(st.integers(0, 9), max_size=3)),
}


def values_of(hint: object) -> st.SearchStrategy[object]:
    """Draw values of an annotation that the protocol uses."""
    if hint is EngineSpec:
        parts = st.dictionaries(st.sampled_from(ROLES), values_of(PartSpec), min_size=1)
        return st.builds(EngineSpec, st.text(max_size=8), parts, st.integers(0, 64), st.integers(0, 19))
    if hint is PartSpec:
        return st.builds(PartSpec, st.just("package.module:create"), values_of(Mapping[str, object]))
    if is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return st.builds(hint, **{field.name: values_of(hints[field.name]) for field in fields(hint)})
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return st.lists(values_of(inner[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(values_of(inner[0]), values_of(inner[1]), max_size=3)
    return st.one_of(*map(values_of, inner)) if inner else SCALARS[hint]


@pytest.mark.parametrize("kind", MESSAGE_CLASSES, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_message_after_the_channel_is_equal(kind: type, data: st.DataObject):
    message = data.draw(values_of(kind))
    again = decode(msgpack.unpackb(msgpack.packb(encode(message))))
    assert again == message
    assert type(again) is kind
    assert repr(again) == repr(message)  # tuples stay tuples
