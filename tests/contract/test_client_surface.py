"""What callers may rely on: the public names, and that wrong use is found before it runs."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import antiphon_client

PUBLIC = {
    "AccessDenied",
    "AntiphonClient",
    "AntiphonError",
    "BadRequest",
    "CallOptions",
    "Cancelled",
    "ConnectionFailed",
    "ConversationStream",
    "DeadlineExceeded",
    "NotBuilt",
    "NotFound",
    "Overloaded",
    "RateLimited",
    "Reference",
    "RetryPolicy",
    "ServerFailed",
    "Speech",
    "SpeechReport",
    "SynthesisStream",
    "Transcript",
    "TranscriptionStream",
    "Unavailable",
    "channel_options",
    "from_rpc_error",
    "service_config",
}
CLIENT_METHODS = {
    "channel",
    "close",
    "converse",
    "explain",
    "is_serving",
    "model",
    "models",
    "server_info",
    "speak",
    "synthesize",
    "target",
    "transcribe",
    "transcribe_file",
    "transcribe_stream",
    "voice",
    "voices",
}
REPOSITORY = Path(__file__).resolve().parents[2]

# Every line marked `wrong` must be refused by the type checker, and no other line.
USES = """
from antiphon_client import AntiphonClient, CallOptions, Reference, RetryPolicy
from antiphon.speech.v1.audio_pb2 import AudioEncoding

async def use(client: AntiphonClient) -> None:
    async with client.speak("hello", voice="a", encoding=AudioEncoding.AUDIO_ENCODING_WAV) as speech:
        audio: bytes = (await anext(speech)).data
        spoken_s: float = speech.done.audio_s
    async with client.speak("hello", call=CallOptions(timeout_s=1.0)) as speech:
        audio = await speech.read()
    async with client.speak("hello", reference=await Reference.read("me.wav", "hi")) as speech:
        audio = await speech.read()
    client.speak("hello", reference=Reference(b"RIFF"))
    client.speak("hello", reference="me.wav")  # wrong
    client.speak("hello", reference=Reference("me.wav"))  # wrong
    client.speak(b"hello")  # wrong
    client.speak("hello", "a")  # wrong
    client.speak("hello", speed="fast")  # wrong
    client.speak("hello", encoding=9)  # wrong
    client.speak("hello", voices="a")  # wrong
    await client.transcribe("clip.wav")  # wrong
    await client.transcribe_file(b"RIFF", 3)  # wrong
    async with client.synthesize() as stream:
        await stream.send_text(b"x")  # wrong
        await stream.send_audio(b"x")  # wrong
        async for response in stream:
            rate: int = response.started.sample_rate_hz
            response.final  # wrong
    AntiphonClient(50051)  # wrong
    AntiphonClient("localhost:50051", "key")  # wrong
    RetryPolicy(retries=3)  # wrong
"""


def test_the_public_names_are_exactly_these():
    assert set(antiphon_client.__all__) == PUBLIC
    assert all(hasattr(antiphon_client, name) for name in PUBLIC)


def test_the_clients_methods_are_exactly_these():
    assert {name for name in vars(antiphon_client.AntiphonClient) if not name.startswith("_")} == CLIENT_METHODS


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_things_say_what_they_are_for(name):
    assert inspect.getdoc(getattr(antiphon_client, name))


def test_wrong_use_is_a_type_error(tmp_path):
    source = tmp_path / "uses.py"
    source.write_text(USES)
    wrong = {number for number, line in enumerate(USES.splitlines(), 1) if line.endswith("# wrong")}
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", REPOSITORY / "pyproject.toml", "--no-pretty", source],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    found = {int(line.split(":")[1]) for line in checked.stdout.splitlines() if ": error: " in line}
    assert found == wrong, checked.stdout + checked.stderr
