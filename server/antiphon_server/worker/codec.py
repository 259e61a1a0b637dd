"""Domain dataclasses to plain values and back.

A value becomes ``[class name, field, field, ...]``. Both ends run the same build, so fields go by position; what the
wire does not tell apart (tuples, nested classes) is restored from the annotations, read once per class.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob
from antiphon_server.engine.protocol import EngineInfo, ListenJob, SpeechChunk, SpeechEnd, SpeechJob, Transcript
from antiphon_server.engine.reference import ReferenceClip, SpeechReference
from antiphon_server.engine.spec import EngineSpec
from antiphon_server.engine.stats import EngineStats

Message = (
    SpeechJob
    | SpeechChunk
    | SpeechEnd
    | ReferenceClip
    | SpeechReference
    | EngineStats
    | ListenJob
    | Transcript
    | ChatJob
    | ChatDelta
    | ChatEnd
    | EngineInfo
    | EngineSpec
)
"""What crosses the channel; the classes inside them come along."""

_Convert = Callable[[Any], Any]


class _Shape:
    """How one class is taken apart and put together."""

    def __init__(self, kind: type) -> None:
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind)]
        self.kind = kind
        self._dump = [(name, _dumper(hints[name])) for name in names]
        self._load = [_loader(hints[name]) for name in names]

    def dump(self, value: object) -> list[object]:
        """Return the fields in order."""
        return [getattr(value, name) if dump is None else dump(getattr(value, name)) for name, dump in self._dump]

    def load(self, values: list[Any]) -> Any:  # noqa: ANN401  # the class is only known at run time
        """Make the object again."""
        given = zip(values, self._load, strict=True)
        return self.kind(*[value if load is None else load(value) for value, load in given])


def encode(message: Message) -> list[object]:
    """Take a message apart into values that msgpack knows."""
    kind = type(message)
    return [kind.__name__, *_SHAPES[kind.__name__].dump(message)]


def decode(values: list[Any]) -> Message:
    """Put a message together again.

    Raises:
        KeyError: If no message has that name.
    """
    message: Message = _SHAPES[values[0]].load(values[1:])
    return message


def _dumper(hint: object) -> _Convert | None:
    inner = _inner_class(hint)
    if inner is None:
        return None if not _is_mapping(hint) else dict
    shape = _Shape(inner)
    if _is_mapping(hint):
        return lambda value: {key: shape.dump(part) for key, part in value.items()}
    return lambda value: [shape.dump(part) for part in value]


def _loader(hint: object) -> _Convert | None:
    inner = _inner_class(hint)
    if inner is None:
        return tuple if get_origin(hint) is tuple else None
    shape = _Shape(inner)
    if _is_mapping(hint):
        return lambda value: {key: shape.load(part) for key, part in value.items()}
    return lambda value: tuple(shape.load(part) for part in value)


def _inner_class(hint: object) -> type | None:
    """Return the dataclass inside ``tuple[X, ...]`` or ``Mapping[str, X]``."""
    for part in get_args(hint):
        if isinstance(part, type) and is_dataclass(part):
            return part
    return None


def _is_mapping(hint: object) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _classes(union: types.UnionType) -> tuple[type, ...]:
    return get_args(union)


MESSAGE_CLASSES = _classes(Message)
_SHAPES = {kind.__name__: _Shape(kind) for kind in MESSAGE_CLASSES}
