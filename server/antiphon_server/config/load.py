"""Read settings: flags win over environment (ANTIPHON_*), that over the file (TOML), that over defaults.

An unknown key, a wrong kind or a number out of range stops the start with one sentence that names the key, the limit
and the value seen, and for a misspelt key the nearest known ones.
"""

import dataclasses
import difflib
import os
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from antiphon_server.config.settings import Config, EngineSettings, Limits, Range
from antiphon_server.config.tables import Scenario

_MAX_PORT = 65_535
_GROUPS = ("tts", "second_tts", "stt", "live", "vad", "chat", "limits")
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
SECRET_KEYS = ("api_key", "token", "secret", "password")


class ConfigError(Exception):
    """The settings cannot be used; the message says what to change."""


@dataclasses.dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The settings and where each value came from."""

    config: Config
    sources: Mapping[str, str]
    """Dotted key to "flag", "environment" or "file"; keys that are absent have their default."""


def load_config(
    flags: Mapping[str, Any], path: str | None, environment: Mapping[str, str] | None = None
) -> LoadedConfig:
    """Merge all sources and check the result.

    Raises:
        ConfigError: If a source cannot be read or a value cannot be used.
    """
    sources: dict[str, str] = {}
    values: dict[str, Any] = {}
    _merge(values, _read_file(path), sources, "file")
    _merge(values, _read_environment(os.environ if environment is None else environment), sources, "environment")
    _merge(values, {key: value for key, value in flags.items() if value is not None}, sources, "flag")
    config: Config = _build(Config, values, "")
    check_address("listen", config.listen)
    if config.metrics_listen:
        check_address("metrics_listen", config.metrics_listen)
    _check_choice("log_level", config.log_level, _LOG_LEVELS)
    _check_choice("default_scenario", config.default_scenario, config.scenarios)
    return LoadedConfig(config, sources)


def check_address(key: str, address: str) -> None:
    """Refuse what is not HOST:PORT.

    Raises:
        ConfigError: If the host is missing, or the port not 0..65535.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise ConfigError(f"{key} must be HOST:PORT with a port of 0 to {_MAX_PORT}, not {address!r}")


def explain(loaded: LoadedConfig) -> str:
    """Lay the settings out as TOML-like lines, each with its source; secrets are hidden."""
    lines = []
    for key, value in _flatten(dataclasses.asdict(loaded.config), ""):
        source = next((loaded.sources[k] for k in (key, key.rsplit(".", 1)[0]) if k in loaded.sources), "default")
        shown = '"***"' if key.rsplit(".", 1)[-1] in SECRET_KEYS and value else _toml(value)
        lines.append(f"{key} = {shown}  # {source}")
    return "\n".join(lines)


def _read_file(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the config file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config file {path} is not TOML: {error}") from error


_OF_CLIENTS = ("ANTIPHON_SERVER", "ANTIPHON_API_KEY")
"""What clients read; whoever speaks with a server from a shell has them set there."""


def _read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Read ANTIPHON_LISTEN, ANTIPHON_LIMITS_MAX_AUDIO_MS, ANTIPHON_CHAT_OPTIONS_API_KEY and the like."""
    values: dict[str, Any] = {}
    for name, text in environment.items():
        if not name.startswith("ANTIPHON_") or name.startswith("ANTIPHON_COMPAT_") or name in _OF_CLIENTS:
            continue
        _place(values, name.removeprefix("ANTIPHON_").lower(), text, name)
    return values


def _place(values: dict[str, Any], key: str, text: str, name: str) -> None:
    known = {field.name for field in dataclasses.fields(Config)}
    if key in known:
        values[key] = text
        return
    group = next((g for g in _GROUPS if key.startswith(f"{g}_")), None)
    if group is None:
        raise ConfigError(f"{name} is not a setting{_nearest(key, known)}")
    rest = key.removeprefix(f"{group}_")
    inner = values.setdefault(group, {})
    if group != "limits" and rest.startswith("options_"):
        inner.setdefault("options", {})[rest.removeprefix("options_")] = text
    else:
        inner[rest] = text


def _merge(
    into: dict[str, Any], new: Mapping[str, Any], sources: dict[str, str], source: str, prefix: str = ""
) -> None:
    for key, value in new.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            below = into.setdefault(key, {})
            if not isinstance(below, dict):
                raise ConfigError(f"{path} is not a table")
            _merge(below, value, sources, source, f"{path}.")
        else:
            into[key] = value
            sources[path] = source


def _build(kind: Any, values: Mapping[str, Any], prefix: str) -> Any:  # noqa: ANN401 - one builder for all dataclasses
    hints = typing.get_type_hints(kind, include_extras=True)
    unknown = [key for key in values if key not in hints]
    if unknown:
        raise ConfigError(f"{prefix}{unknown[0]} is not a setting{_nearest(unknown[0], hints)}")
    default = kind()
    return kind(
        **{key: _value(f"{prefix}{key}", value, hints[key], getattr(default, key)) for key, value in values.items()}
    )


def _value(path: str, value: Any, hint: Any, default: Any) -> Any:  # noqa: ANN401 - values of a file
    if hint in (Limits, EngineSettings):
        return _build_group(path, value, hint, default)
    if path == "scenarios":
        _check_kind(path, value, dict)
        return {
            **default,
            **{
                name: _build(Scenario, _table(f"scenarios.{name}", s), f"scenarios.{name}.")
                for name, s in value.items()
            },
        }
    if isinstance(default, Mapping):
        _check_kind(path, value, dict)
        if path.endswith("_aliases"):
            _check_texts(path, value)
        return {**default, **value}
    if isinstance(default, tuple):
        return _texts(path, value)
    return _number(path, _scalar(path, value, type(default)), hint)


def _build_group(path: str, value: Any, hint: Any, default: Any) -> Any:  # noqa: ANN401 - values of a file
    group = _table(path, value)
    if hint is EngineSettings and "engine" not in group:
        group = {"engine": default.engine, **group}
    return _build(hint, group, f"{path}.")


def _table(path: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - values of a file
    _check_kind(path, value, dict)
    return dict(value)


def _texts(path: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401 - values of a file
    texts = value.split(os.pathsep) if isinstance(value, str) else value
    _check_kind(path, texts, list)
    _check_texts(path, dict(enumerate(texts)))
    return tuple(texts)


def _check_texts(path: str, values: Mapping[Any, Any]) -> None:
    for key, value in values.items():
        _check_kind(f"{path}.{key}", value, str)


def _check_kind(path: str, value: Any, kind: type) -> None:  # noqa: ANN401 - values of a file
    if not isinstance(value, kind):
        raise ConfigError(f"{path} must be a {'table' if kind is dict else kind.__name__}, not {type(value).__name__}")


def _scalar(path: str, value: Any, kind: type) -> Any:  # noqa: ANN401 - values of a file
    if kind is bool and isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    if kind is int and isinstance(value, float) and not value.is_integer():
        raise ConfigError(f"{path} must be a whole number, not {value:g}")
    if kind in (int, float) and not isinstance(value, bool) and isinstance(value, int | float | str):
        try:
            return kind(value)
        except ValueError as error:
            raise ConfigError(f"{path} must be a number, not {value!r}") from error
    _check_kind(path, value, kind)
    return value


def _number(path: str, value: Any, hint: Any) -> Any:  # noqa: ANN401 - values of a file
    for bounds in getattr(hint, "__metadata__", ()):
        if isinstance(bounds, Range) and not bounds.low <= value <= bounds.high:
            raise ConfigError(f"{path} must be {bounds.low:g} to {bounds.high:g}, not {value:g}")
    return value


def _check_choice(path: str, value: str, known: typing.Iterable[str]) -> None:
    if value not in known:
        raise ConfigError(f"{path} must be one of {', '.join(known)}, not {value!r}")


def _nearest(key: str, known: typing.Iterable[str]) -> str:
    close = difflib.get_close_matches(key, list(known), n=3)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _flatten(values: Mapping[str, Any], prefix: str) -> typing.Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _toml(value: Any) -> str:  # noqa: ANN401 - values of a file
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return "{}" if isinstance(value, Mapping) else str(value)
