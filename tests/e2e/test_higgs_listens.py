"""Higgs Audio v3 STT with tiny seeded weights behind a real server: how it is served, not what it hears."""

import re
import time
import urllib.request

import grpc
import pytest

from antiphon.speech.v1 import audio_pb2, report_pb2
from antiphon.speech.v1 import transcription_service_pb2 as pb
from antiphon.speech.v1 import transcription_service_pb2_grpc as pb_grpc
from support.listening import make_listening, pcm_of
from support.servers import SCRIPTED, TESTS, start_server

OPEN = {"guard": report_pb2.OptionValue(bool_value=False)}
OTHERS = SCRIPTED.replace('[stt]\nengine = "support.scripted:create_transcriber"\n', "")
OPTIONS = {"ANTIPHON_STT_OPTIONS_DTYPE": "float32", "ANTIPHON_STT_OPTIONS_THREADS": "1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("listens")
    make_listening(folder / "tiny")
    config = folder / "others.toml"
    config.write_text(OTHERS.format(tests=str(TESTS)))
    flags = ("--stt", "higgs", "--checkpoint", str(folder / "tiny"), "--metrics", "127.0.0.1:0")
    started = start_server(*flags, config=config, environment=OPTIONS)
    yield started
    started.stop()


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.grpc_target) as channel:
        yield pb_grpc.TranscriptionServiceStub(channel)


def once(stub, seconds=0.75, **config):
    raw = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000)
    asked = pb.TranscriptionConfig(**{"format": raw, "options": OPEN, **config})
    return stub.TranscribeOnce(pb.TranscribeOnceRequest(config=asked, audio=pcm_of(3, round(16_000 * seconds))))


def test_it_answers_by_its_name_with_text_counts_and_a_report(stub):
    heard = once(stub, report=True)
    assert (heard.model, heard.language) == ("higgs-audio-v3-stt", "en")
    assert heard.text
    assert heard.usage.input_tokens > heard.usage.input_audio_ms // 80
    assert heard.usage.output_tokens > 0
    [segment] = heard.segments
    assert 0 <= segment.confidence < 0.1  # noise, and it says so
    assert len(heard.report.pieces) == 1
    assert {check.name for check in heard.report.pieces[0].checks} >= {"average_log_prob"}


def test_guesses_are_left_out_and_told(stub):
    heard = once(stub, options={})
    assert (heard.text, heard.no_speech) == ("", True)
    assert "too unsure" in heard.warnings[0].message


def test_what_it_has_no_use_for_is_told_and_what_it_cannot_do_refused(stub):
    heard = once(stub, prompt="Before.", key_words=["word"], temperature=0.5, thinking=pb.THINKING_OFF)
    fields = {warning.field for warning in heard.warnings if "no effect" in warning.message or warning.field}
    assert fields >= {"config.prompt", "config.key_words", "config.temperature"}
    assert "config.thinking" not in fields
    for config, said in (
        ({"word_times": True}, "has no word times"),
        ({"task": pb.TRANSCRIPTION_TASK_TRANSLATE}, "cannot translate"),
        ({"language": "de"}, "does not know the language 'de'"),
        ({"options": {"gard": report_pb2.OptionValue(bool_value=True)}}, "gard"),
    ):
        with pytest.raises(grpc.RpcError, match=said) as caught:
            once(stub, **config)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_its_figures_are_on_the_metrics_page(server, stub):
    once(stub)
    [address] = re.findall(r'"event": "metrics_served", "address": "([^"]+)"', "\n".join(server.log_lines))
    for _ in range(100):
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as page:
            text = page.read().decode()
        if found := re.search(r'antiphon_engine_rows_total\{engine="stt"\} ([0-9.]+)', text):
            assert float(found[1]) > 0
            return
        time.sleep(0.1)
    pytest.fail("no rows of stt on the metrics page")
