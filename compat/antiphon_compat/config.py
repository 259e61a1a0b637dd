"""Settings of the process: flags, then ``ANTIPHON_COMPAT_*``, then the file, then the defaults."""

import argparse
import dataclasses
import difflib
import ipaddress
import os
import pathlib
import re
import tomllib
from collections.abc import Mapping, Sequence

_ENV_PREFIX = "ANTIPHON_COMPAT_"
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class ConfigError(Exception):
    """A setting is unknown or out of range; the message names it."""


@dataclasses.dataclass(frozen=True, slots=True)
class CompatConfig:
    """Everything that can be set, in the units its names say."""

    listen: str = "127.0.0.1:8000"
    """Address to serve HTTP on; port 0 takes a free one."""
    server: str = "127.0.0.1:50051"
    """Address of the gRPC server."""
    default_format: str = "mp3"
    """``response_format`` where a request names none: mp3 or wav."""
    strict_models: bool = False
    """Whether an alias of a model is refused like an unknown model."""
    max_upload_mb: int = 100
    """Largest transcription upload in MiB, 1 to 4096."""
    max_json_mb: int = 16
    """Largest JSON body in MiB, 1 to 64."""
    body_idle_timeout_s: int = 30
    """Longest pause while a request body arrives, 1 to 600 seconds."""
    grace_s: int = 10
    """How long requests in flight may finish after SIGTERM, 0 to 600 seconds."""
    max_sockets: int = 256
    """WebSockets of ``/ws/voice`` at once, 1 to 65536."""
    socket_idle_timeout_s: int = 300
    """Time a WebSocket may stay without a message while nothing is being made, 1 to 86400 seconds."""
    socket_ping_s: int = 20
    """Time between pings of a WebSocket, 1 to 600 seconds; who answers none of three is gone."""
    max_recording_s: int = 600
    """Longest recording of a spoken turn, 1 to 14400 seconds."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may use this process, such as http://localhost:3000; ``*`` for every page."""
    allowed_hosts: tuple[str, ...] = ()
    """More host names to answer to while listening on loopback; ``*`` for every name."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks, such as 10.0.0.0/8, whose ``X-Forwarded-For`` tells callers apart; else it is not read."""


_CHOICES = {"default_format": ("mp3", "wav")}
_RANGES = {
    "max_upload_mb": (1, 4096),
    "max_json_mb": (1, 64),
    "body_idle_timeout_s": (1, 600),
    "grace_s": (0, 600),
    "max_sockets": (1, 65536),
    "socket_idle_timeout_s": (1, 86400),
    "socket_ping_s": (1, 600),
    "max_recording_s": (1, 14400),
}
_PATTERNS = {
    "cors_origins": (
        re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#@\s]+"),
        "an origin such as https://app.example, or *",
    ),
    "allowed_hosts": (re.compile(r"\*|[a-z0-9_.-]+"), "a host name without a port, or *"),
    "trusted_proxies": (re.compile(r"[0-9a-f.:]+(/[0-9]+)?"), "an address, or a network such as 10.0.0.0/8"),
}
_FIELDS = {field.name: field for field in dataclasses.fields(CompatConfig)}


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The config in effect and where each value came from."""

    config: CompatConfig
    origins: Mapping[str, str]
    print_only: bool

    def describe(self) -> str:
        """One line a setting: name, value, origin."""
        rows = dataclasses.asdict(self.config).items()
        return "\n".join(f"{name} = {value!r}  # {self.origins[name]}" for name, value in rows)


def load(argv: Sequence[str]) -> Settings:
    """Merge all sources.

    Raises:
        ConfigError: A name is unknown or a value is outside its range.
    """
    flags = vars(_parser().parse_args(argv))
    path, print_only = flags.pop("config"), bool(flags.pop("print_config"))
    sources: list[tuple[str, Mapping[str, object]]] = [
        ("flag", {name: value for name, value in flags.items() if value is not None}),
        ("environment", _environment()),
        (f"file {path}", _file(pathlib.Path(path)) if path else {}),
    ]
    values: dict[str, object] = {}
    origins = dict.fromkeys(_FIELDS, "default")
    for origin, found in reversed(sources):
        for name, raw in found.items():
            values[name] = _parsed(name, raw)
            origins[name] = origin
    return Settings(CompatConfig(**values), origins, print_only)  # type: ignore[arg-type]


def split_address(address: str) -> tuple[str, int]:
    """Split ``HOST:PORT``, with an IPv6 host in brackets.

    Raises:
        ConfigError: There is no port, or it is outside 0 to 65535.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"listen must be HOST:PORT with a port from 0 to 65535, not {address!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="antiphon-compat",
        description="Serves OpenAI-style HTTP and /ws/voice in front of an Antiphon gRPC server.",
        epilog="Example: antiphon-compat --listen 127.0.0.1:8000 --server 127.0.0.1:50051",
    )
    add = parser.add_argument
    add("--listen", metavar="HOST:PORT", help="address to serve on; port 0 takes a free one (default 127.0.0.1:8000)")
    add("--server", metavar="HOST:PORT", help="address of the gRPC server (default 127.0.0.1:50051)")
    add("--config", metavar="FILE", help="TOML file of settings; the names are those of --print-config")
    add("--print-config", action="store_true", help="show the settings and where each came from, and exit")
    add("--default-format", choices=_CHOICES["default_format"], help="response_format where a request names none")
    add("--max-upload-mb", type=int, metavar="MB", help="largest transcription upload in MiB (default 100)")
    add("--max-json-mb", type=int, metavar="MB", help="largest JSON body in MiB (default 16)")
    add("--body-idle-timeout-s", type=int, metavar="S", help="longest pause while a body arrives (default 30)")
    add("--grace-s", type=int, metavar="S", help="time for requests in flight after SIGTERM (default 10)")
    add("--max-sockets", type=int, metavar="N", help="WebSockets at once (default 256)")
    add("--socket-idle-timeout-s", type=int, metavar="S", help="time a WebSocket may stay idle (default 300)")
    add("--socket-ping-s", type=int, metavar="S", help="time between pings of a WebSocket (default 20)")
    add("--max-recording-s", type=int, metavar="S", help="longest recording of a spoken turn (default 600)")
    add("--cors-origin", dest="cors_origins", action="append", metavar="ORIGIN", help="let pages of this origin use it")
    add("--allowed-host", dest="allowed_hosts", action="append", metavar="NAME", help="answer to this name on loopback")
    add(
        "--trusted-proxy",
        dest="trusted_proxies",
        action="append",
        metavar="ADDRESS",
        help="believe its X-Forwarded-For",
    )
    add("--strict-models", action="store_true", default=None, help="refuse aliases of models with 404")
    return parser


def _environment() -> dict[str, object]:
    names = [name for name in os.environ if name.startswith(_ENV_PREFIX)]
    return {name.removeprefix(_ENV_PREFIX).lower(): os.environ[name] for name in names}


def _file(path: pathlib.Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the config file {path}: {error}") from error


def _parsed(name: str, raw: object) -> object:
    if name not in _FIELDS:
        near = difflib.get_close_matches(name, _FIELDS, n=1)
        raise ConfigError(f"unknown setting {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    default = _FIELDS[name].default
    if isinstance(default, bool):
        return _switch(name, raw)
    if isinstance(default, int):
        return _number(name, raw)
    if isinstance(default, tuple):
        return _several(name, raw)
    if not isinstance(raw, str) or raw not in _CHOICES.get(name, (raw,)):
        raise ConfigError(f"{name} must be {' or '.join(_CHOICES.get(name, ('a string',)))}, not {raw!r}")
    return raw


def _switch(name: str, raw: object) -> bool:
    text = str(raw).lower()
    if text not in _TRUE + _FALSE:
        raise ConfigError(f"{name} must be true or false, not {raw!r}")
    return text in _TRUE


def _several(name: str, raw: object) -> tuple[str, ...]:
    """Take a list, or one string with commas as the environment has it."""
    listed = raw.split(",") if isinstance(raw, str) else raw
    pattern, wanted = _PATTERNS[name]
    if not isinstance(listed, list):
        raise ConfigError(f"{name} must be a list, not {raw!r}")
    entries = [str(entry).strip().lower() for entry in listed if str(entry).strip()]
    for entry in entries:
        if not pattern.fullmatch(entry):
            raise ConfigError(f"{name}: each must be {wanted}, not {entry!r}")
        if name == "trusted_proxies":
            _check_network(name, entry)
    return tuple(entries)


def _check_network(name: str, entry: str) -> None:
    try:
        ipaddress.ip_network(entry)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error


def _number(name: str, raw: object) -> int:
    low, high = _RANGES[name]
    text = str(raw)
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, not {raw!r}")
    return int(text)
