"""The server from grpcurl (reflection v1alpha) and buf curl (reflection v1), as people type it."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.servers import Server
from support.sessions import voice

ROOT = Path(__file__).parents[2]
GRPCURL = ROOT / ".cache/tools/grpcurl"
BUF = ROOT / ".venv/bin/buf"
PACKAGE = "antiphon.speech.v1"


@pytest.fixture(scope="module")
def grpcurl() -> str:
    done = subprocess.run(
        [ROOT / "scripts/lib/fetch_grpcurl"], capture_output=True, text=True, timeout=100, check=False
    )
    if done.returncode:
        pytest.skip(f"no grpcurl: {done.stderr.strip()[-200:]}")
    return str(GRPCURL)


def run(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def messages(text: str) -> list[dict[str, Any]]:
    """JSON objects written one after the other. grpcurl names fields as the contract does, buf in camel case."""
    decoder, found, position = json.JSONDecoder(), [], 0
    while (position := position + len(text[position:]) - len(text[position:].lstrip())) < len(text):
        value, position = decoder.raw_decode(text, position)
        found.append(value)
    return found


def kinds(responses: list[dict[str, Any]]) -> list[str]:
    return [next(key for key in response if key not in ("sequence", "at_ms")) for response in responses]


def bidirectional(grpcurl: str, server: Server, method: str, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    lines = "\n".join(json.dumps(request) for request in requests)
    return messages(run(grpcurl, "-plaintext", "-d", "@", server.grpc_target, f"{PACKAGE}.{method}", stdin=lines))


def test_it_lists_and_describes(grpcurl, scripted_server):
    listed = run(grpcurl, "-plaintext", scripted_server.grpc_target, "list").split()
    assert {f"{PACKAGE}.{name}Service" for name in ("Synthesis", "Transcription", "Conversation")} <= set(listed)
    assert "grpc.health.v1.Health" in listed
    described = run(grpcurl, "-plaintext", scripted_server.grpc_target, "describe", f"{PACKAGE}.SynthesisService")
    assert "rpc Synthesize ( stream" in described


def test_a_unary_call_and_its_error(grpcurl, scripted_server):
    call = (scripted_server.grpc_target, f"{PACKAGE}.SynthesisService/SynthesizeOnce")
    responses = messages(run(grpcurl, "-plaintext", "-d", '{"text": "Hi."}', *call))
    assert kinds(responses)[:3] == ["started", "utterance_started", "audio"]
    assert kinds(responses)[-1] == "utterance_done"
    command = [grpcurl, "-plaintext", "-d", '{"text": " "}', *call]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "InvalidArgument" in done.stderr
    assert "TEXT_EMPTY" in done.stderr


def test_a_bidirectional_synthesis(grpcurl, scripted_server):
    requests = [{"config": {"sampling": {"seed": "7"}}}, {"text": {"text": "Hello. "}}, {"text": {"text": "You."}}]
    responses = bidirectional(grpcurl, scripted_server, "SynthesisService/Synthesize", *requests)
    assert kinds(responses)[0] == "started"
    assert responses[-1]["utterance_done"]["seed"] == "7"


def test_a_bidirectional_transcription(grpcurl, scripted_server):
    audio = base64.b64encode(voice(500)).decode()
    requests = [{"config": {}}, {"audio": audio}, {"flush": {}}, {"audio": audio}, {"finish": {}}]
    responses = bidirectional(grpcurl, scripted_server, "TranscriptionService/Transcribe", *requests)
    finals = [response["final"]["text"] for response in responses if "final" in response]
    assert finals == ["hello world", "hello world"]
    assert kinds(responses)[-1] == "done"


def test_a_bidirectional_conversation(grpcurl, scripted_server):
    requests = [{"config": {}}, {"text_turn": {"text": "Hello?"}}]
    responses = bidirectional(grpcurl, scripted_server, "ConversationService/Converse", *requests)
    assert kinds(responses)[-1] == "reply_done"
    assert responses[-1]["reply_done"]["text"] == "All right."


def test_buf_curl_finds_the_schema_by_reflection_v1(scripted_server):
    if not BUF.exists():
        pytest.skip("buf is not installed here")
    url = f"http://{scripted_server.grpc_target}/{PACKAGE}.SynthesisService"
    common = (str(BUF), "curl", "--protocol", "grpc", "--http2-prior-knowledge")
    explained = json.loads(run(*common, "-d", '{"text": "Hi there."}', f"{url}/ExplainSynthesis"))
    assert explained["normalizedText"] == "Hi there."
    lines = '{"config": {}}\n{"text": {"text": "Hi."}}'
    responses = messages(run(*common, "-d", "@-", f"{url}/Synthesize", stdin=lines))
    assert kinds(responses)[-1] == "utteranceDone"
