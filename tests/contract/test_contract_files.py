"""The files that outsiders build on agree with each other: stubs, floors, lint settings, release, service config."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from support.contract import PROTOS, SERVICES

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "proto/gen/python/antiphon/speech/v1"
BIN = Path(sys.executable).parent
SERVICE_CONFIG = json.loads((ROOT / "proto/service_config.json").read_text())
MAX_ATTEMPTS = 5
"""gRPC treats a larger maxAttempts as this."""


def buf(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run buf in the repository."""
    return subprocess.run([BIN / "buf", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def pins() -> dict[str, str]:
    """Return each dependency of pyproject.toml, with and without extras, and its version condition."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    return {re.split(r"[=<>~! ]", line)[0]: line.split(";")[0].strip() for line in lines}


def versions(pattern: str, files: str) -> set[str]:
    """Return what a pattern finds in the heads of the generated files."""
    return {found for path in GENERATED.glob(files) for found in re.findall(pattern, path.read_text())}


def every_method() -> dict[str, set[tuple[str, bool]]]:
    """Return the methods of each service and whether they take a stream of requests."""
    return {service.full_name: {(m.name, m.client_streaming) for m in service.methods} for service in SERVICES}


def configured() -> list[tuple[str, str, dict[str, object]]]:
    """Return each service and method of the service config with its entry."""
    return [
        (name["service"], name.get("method", ""), entry)
        for entry in SERVICE_CONFIG["methodConfig"]
        for name in entry["name"]
    ]


def seconds(duration: object) -> float:
    """Read a duration as gRPC writes it, such as "0.1s"."""
    assert isinstance(duration, str)
    assert re.fullmatch(r"\d+(\.\d{1,9})?s", duration)
    return float(duration[:-1])


def test_the_grpcio_floor_is_the_version_in_the_stubs() -> None:
    assert {f"grpcio>={found}" for found in versions(r"GRPC_GENERATED_VERSION = '(.+)'", "*_pb2_grpc.py")} == {
        pins()["grpcio"]
    }


def test_the_protobuf_floor_is_the_version_in_the_messages() -> None:
    assert {f"protobuf>={found}" for found in versions(r"# Protobuf Python Version: (.+)", "*_pb2.py")} == {
        pins()["protobuf"]
    }


def test_the_generator_is_pinned_to_the_version_in_the_stubs() -> None:
    assert {f"grpcio-tools=={found}" for found in versions(r"GRPC_GENERATED_VERSION = '(.+)'", "*_pb2_grpc.py")} == {
        pins()["grpcio-tools"]
    }


def test_every_dependency_is_pinned_or_has_a_floor() -> None:
    assert [line for line in pins().values() if not re.search(r"==|>=", line)] == []


def test_every_proto_file_has_its_stubs_and_no_stub_is_left_over() -> None:
    assert {path.name.removesuffix("_pb2.py") for path in GENERATED.glob("*_pb2.py")} == {p.stem for p in PROTOS}


def test_buf_lints_everything_without_exceptions() -> None:
    lines = [line.split("#")[0].rstrip() for line in (ROOT / "buf.yaml").read_text().splitlines()]
    assert " ".join(line.strip() for line in lines if line) == (
        "version: v2 modules: - path: proto lint: use: - STANDARD - COMMENTS breaking: use: - FILE"
    )
    assert "buf:lint:ignore" not in "".join(path.read_text() for path in PROTOS)


def test_the_contract_has_no_findings() -> None:
    done = buf("lint")
    assert done.returncode == 0, done.stdout


def test_nothing_of_the_release_is_broken() -> None:
    done = buf("breaking", "--against", "proto/release/v1.binpb")
    assert done.returncode == 0, done.stdout


def test_a_renamed_field_would_be_found(tmp_path: Path) -> None:
    """Guards the guard: the release descriptor holds the whole contract."""
    for path in PROTOS:
        copy = tmp_path / path.relative_to(ROOT / "proto")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text().replace("int32 sample_rate_hz = 2;", "int32 rate_hz = 2;"))
    done = buf("breaking", os.fspath(tmp_path), "--against", "proto/release/v1.binpb")
    assert done.returncode != 0
    assert "sample_rate_hz" in done.stdout


def test_the_release_holds_every_proto_file() -> None:
    released = FileDescriptorSet.FromString((ROOT / "proto/release/v1.binpb").read_bytes())
    assert {Path(file.name).name for file in released.file} <= {path.name for path in PROTOS}
    assert released.file


def test_the_service_config_names_every_method_once() -> None:
    named = [(service, method) for service, method, _ in configured()]
    existing = [(service, method) for service, methods in every_method().items() for method, _ in methods]
    assert sorted(named) == sorted(existing)


def test_the_service_config_retries_only_what_may_be_sent_twice() -> None:
    streaming = {(service, name) for service, methods in every_method().items() for name, streams in methods if streams}
    retried = [(service, method) for service, method, entry in configured() if "retryPolicy" in entry]
    assert retried
    assert [name for name in retried if name in streaming] == []
    assert [method for _, method in retried if not re.match(r"(Get|List|Explain)", method)] == []


@pytest.mark.parametrize("entry", SERVICE_CONFIG["methodConfig"], ids=lambda entry: entry["name"][0]["method"])
def test_an_entry_of_the_service_config_is_what_grpc_accepts(entry: dict[str, object]) -> None:
    assert set(entry) <= {"name", "timeout", "waitForReady", "retryPolicy", "maxRequestMessageBytes"}
    if "timeout" in entry:
        assert seconds(entry["timeout"]) > 0
    if isinstance(policy := entry.get("retryPolicy"), dict):
        assert 2 <= policy["maxAttempts"] <= MAX_ATTEMPTS
        assert 0 < seconds(policy["initialBackoff"]) <= seconds(policy["maxBackoff"])
        assert policy["backoffMultiplier"] > 0
        assert policy["retryableStatusCodes"]
        assert set(policy["retryableStatusCodes"]) <= set(grpc.StatusCode.__members__) - {"OK"}


def test_grpc_itself_takes_the_service_config() -> None:
    options = [("grpc.service_config", json.dumps(SERVICE_CONFIG))]
    with grpc.insecure_channel("ipv4:127.0.0.1:1", options=options) as channel:
        call = channel.unary_unary("/antiphon.speech.v1.VoiceService/DeleteVoice")  # an entry without retries
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=10)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE  # nobody listens; a bad config is INVALID_ARGUMENT
