"""The process: its flags, its start, its end."""

import subprocess
import sys

import pytest
import requests

from support.servers import start_compat

LIMIT_S = 30.0
LONG = {"input": "A sentence that takes a while to say out loud. " * 40, "stream": True, "response_format": "pcm"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "antiphon_compat", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S)


def test_print_config_names_values_and_where_they_came_from(tmp_path, monkeypatch):
    path = tmp_path / "compat.toml"
    path.write_text("max_upload_mb = 7\ngrace_s = 3\n")
    monkeypatch.setenv("ANTIPHON_COMPAT_GRACE_S", "4")
    done = run("--config", str(path), "--print-config", "--default-format", "wav")
    assert done.returncode == 0
    assert "max_upload_mb = 7  # file" in done.stdout
    assert "grace_s = 4  # environment" in done.stdout
    assert "default_format = 'wav'  # flag" in done.stdout
    assert "listen = '127.0.0.1:8000'  # default" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--listen", "nowhere"], "HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "65535"),
        (["--max-upload-mb", "0"], "from 1 to 4096"),
        (["--config", "/nonexistent.toml"], "cannot read"),
        (["--listen", "192.0.2.1:0"], "cannot listen"),
    ],
)
def test_bad_setting_is_one_sentence_and_not_a_traceback(arguments, complaint):
    done = run(*arguments)
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_setting_names_the_nearest(tmp_path):
    path = tmp_path / "compat.toml"
    path.write_text("max_uplod_mb = 7\n")
    assert "max_upload_mb" in run("--config", str(path)).stderr


@pytest.mark.models
def test_stream_in_flight_finishes_after_sigterm_and_new_calls_find_nobody(server):
    compat = start_compat(server, "--grace-s", "30")
    url = f"{compat.http_url}/v1/audio/speech"
    whole = requests.post(url, json=LONG, timeout=LIMIT_S).content
    with requests.post(url, json=LONG, timeout=LIMIT_S, stream=True) as answer:
        pieces = answer.iter_content(4096)
        first = next(pieces)
        compat.terminate()
        rest = b"".join(pieces)
    assert len(first + rest) == len(whole)
    assert compat.wait() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{compat.http_url}/live", timeout=LIMIT_S)
    compat.stop()


@pytest.mark.models
def test_health_and_models_over_http(compat):
    health = requests.get(f"{compat.http_url}/health", timeout=LIMIT_S)
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    listed = [model["id"] for model in requests.get(f"{compat.http_url}/v1/models", timeout=LIMIT_S).json()["data"]]
    assert sorted(listed) == sorted(health.json()["models"])
    for path in ("/", "/v1/", "/live", "/ready"):
        assert requests.get(compat.http_url + path, timeout=LIMIT_S).status_code == 200


@pytest.mark.models
def test_wrong_route_and_method_have_the_shape_of_every_error(compat):
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/v1/audio/speech", 405)):
        answer = requests.request(method, compat.http_url + path, timeout=LIMIT_S)
        assert answer.status_code == status
        assert list(answer.json()["error"]) == ["message", "type", "param", "code"]
