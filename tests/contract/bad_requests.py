# ruff: noqa: E501, RUF001  # a case is a line, however long, and some hold letters that look like others
"""Requests that must be refused, a line each: name, bytes, status, type, param and code of the answer."""

import gzip
import zlib
from dataclasses import dataclass

from support.raw_http import BOUNDARY, bomb, head, part, post, post_chunks, post_form, post_json, wav

SPEECH, HEAR, TRANSLATE = "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"
BATCH, STREAM = f"{SPEECH}/batch", f"{SPEECH}/stream"
INVALID, N, P = "invalid_request_error", "not_found_error", "permission_error"
OK_BODY = b'{"input": "a"}'
JSON = "Content-Type: application/json"
DEEP = "[" * 100_000


@dataclass(frozen=True, slots=True)
class Bad:
    name: str
    request: bytes
    status: int
    kind: str = INVALID
    param: str | None = None
    code: str = "invalid_field"


def speech(
    name: str, param: str | None, code: str = "invalid_field", status: int = 400, kind: str = INVALID, **fields
) -> Bad:
    """One bad field beside a good input."""
    return Bad(f"speech: {name}", post_json(SPEECH, {"input": "a", **fields}), status, kind, param, code)


def spoken(name: str, body: object, param: str | None = None, code: str = "invalid_field") -> Bad:
    """A body of the speech route that is wrong as a whole."""
    return Bad(f"speech body: {name}", post_json(SPEECH, body), 400, INVALID, param, code)


def said(name: str, param: str | None, code: str = "invalid_field", status: int = 400, **fields: str) -> Bad:
    """One bad field of the speech form."""
    parts = [part(key, value) for key, value in {"input": "a", **fields}.items()]
    return Bad(f"speech form: {name}", post_form(SPEECH, *parts), status, INVALID, param, code)


def heard(
    name: str, param: str | None, code: str = "invalid_field", status: int = 400, kind: str = INVALID, **fields
) -> Bad:
    """One bad field beside a good file."""
    parts = [part(key.replace("__", "[]"), value) for key, value in fields.items()]
    return Bad(f"transcription: {name}", post_form(HEAR, FILE, *parts), status, kind, param, code)


def translated(name: str, param: str | None, code: str = "invalid_field", **fields: str) -> Bad:
    """One bad field of a translation."""
    parts = [part(key.replace("__", "[]"), value) for key, value in fields.items()]
    return Bad(f"translation: {name}", post_form(TRANSLATE, FILE, *parts), 400, INVALID, param, code)


def batch(name: str, param: str | None, body: object, code: str = "invalid_field") -> Bad:
    """A body of the batch route."""
    return Bad(f"batch: {name}", post_json(BATCH, body), 400, INVALID, param, code)


FILE = part("file", wav(), filename="a.wav")
INPUT = part("input", "a")

BAD_CONTENT: list[Bad] = [
    # Speech, JSON: one field at a time.
    spoken("no input", {}, "input"),
    speech("input null", "input", input=None),
    speech("input empty", "input", "text_empty", input=""),
    speech("input blank", "input", "text_empty", input=" \n\t\u3000"),
    speech("input 5001 characters", "input", "text_too_long", input="a" * 5001),
    speech("input a number", "input", input=7),
    speech("input a boolean", "input", input=True),
    speech("input an array", "input", input=["a"]),
    speech("input an object", "input", input={"text": "a"}),
    speech("input with NUL", "input", input="a\0b"),
    speech("input a lone high surrogate", "input", input="\ud800"),
    speech("input a lone low surrogate", "input", input="a\udfffb"),
    speech("input surrogates the wrong way round", "input", input="\udc00\ud800"),
    speech("voice a number", "voice", voice=7),
    speech("voice an empty object", "voice", voice={}),
    speech("voice an object with a bad id", "voice", voice={"id": 1}),
    speech("voice an array", "voice", voice=["a"]),
    speech("voice unknown", "voice", "unknown_voice", voice="nobody"),
    speech("voice a path", "voice", "unknown_voice", voice="../../etc/passwd"),
    speech("voice 257 characters", "voice", "unknown_voice", voice="v" * 257),
    speech("voice with NUL", "voice", voice="a\0"),
    speech("voice a surrogate", "voice", voice="\ud800"),
    speech("model a number", "model", model=1),
    speech("model unknown", "model", "model_not_found", 404, N, model="gpt-nobody"),
    speech("model 257 characters", "model", model="m" * 257),
    speech("model an object", "model", model={"id": "a"}),
    speech("speed 0.2", "speed", speed=0.2),
    speech("speed 4.01", "speed", speed=4.01),
    speech("speed negative", "speed", speed=-1),
    speech("speed 0", "speed", speed=0),
    speech("speed as text", "speed", speed="1"),
    speech("speed a boolean", "speed", speed=True),
    speech("speed an array", "speed", speed=[1]),
    speech("temperature -0.1", "temperature", temperature=-0.1),
    speech("temperature 2.1", "temperature", temperature=2.1),
    speech("temperature with 400 digits", "temperature", temperature=10**400),
    speech("top_p 0", "top_p", top_p=0),
    speech("top_p 1.5", "top_p", top_p=1.5),
    speech("top_k 0", "top_k", top_k=0),
    speech("top_k 1.5", "top_k", top_k=1.5),
    speech("seed -1", "seed", seed=-1),
    speech("seed 2^63", "seed", seed=2**63),
    speech("seed with 400 digits", "seed", seed=10**400),
    speech("max_new_tokens 0", "max_new_tokens", max_new_tokens=0),
    speech("max_new_tokens 8193", "max_new_tokens", max_new_tokens=8193),
    speech("response_format unknown", "response_format", "unsupported_format", response_format="ogg"),
    speech("response_format in capitals", "response_format", "unsupported_format", response_format="MP3"),
    speech("response_format a number", "response_format", response_format=1),
    speech("response_format an array", "response_format", response_format=["mp3"]),
    speech("sample_rate 7999", "sample_rate", sample_rate=7999),
    speech("sample_rate as text", "sample_rate", sample_rate="24000"),
    speech("stream as text", "stream", stream="true"),
    speech("stream a number", "stream", stream=1),
    speech("stream_format unknown", "stream_format", stream_format="events"),
    speech("stream_format a boolean", "stream_format", stream_format=True),
    speech("instructions 4097 characters", "instructions", instructions="i" * 4097),
    speech("instructions an array", "instructions", instructions=["i"]),
    speech("language 257 characters", "language", language="e" * 257),
    speech("initial_codec_chunk_frames -1", "initial_codec_chunk_frames", initial_codec_chunk_frames=-1),
    speech("extra_body a number", "extra_body", extra_body=1),
    speech("bad field in extra_body", "speed", extra_body={"speed": 9}),
    speech("ref_audio a number", "ref_audio", ref_audio=1),
    speech("ref_audio a path", "ref_audio", ref_audio="/etc/passwd"),
    speech("ref_audio a file address", "ref_audio", "unsupported_feature", ref_audio="file:///etc/passwd"),
    speech("ref_audio an empty data URI", "ref_audio", "bad_audio", ref_audio="data:audio/wav;base64,"),
    speech("ref_audio half of base64", "ref_audio", ref_audio="data:audio/wav;base64,AAA"),
    speech("ref_audio with a named voice", "voice", ref_audio="UklGRg==", voice="alloy"),
    speech("references an object", "references", references={}),
    speech("references of numbers", "references[0]", references=[1]),
    speech("references to a path", "references[0].audio_path", references=[{"audio_path": "../../secret.wav"}]),
    speech("references, nine of them", "references", references=[{"audio_path": "UklGRg=="}] * 9),
    speech("reference_codes too narrow", "reference_codes", reference_codes=[[1, 2]]),
    speech("reference_codes out of range", "reference_codes", reference_codes=[[1024] * 8]),
    speech("reference_codes of booleans", "reference_codes", reference_codes=[[True] * 8]),
    speech("reference_codes nested too deep", "reference_codes", reference_codes=[[[0]] * 8]),
    speech("reference_codes turned", "reference_codes", reference_codes=[[1] * 30] * 8),
    speech("reference_codes of 2501 rows", "reference_codes", reference_codes=[[1] * 8] * 2501),
    speech("references with two clips in one", "references[0].data", references=[{"audio": "UklGRg==", "data": "UklGRg=="}]),
    speech("references to an address", "references[0].ref_audio", "unsupported_feature", references=[{"ref_audio": "http://127.0.0.1/"}]),
    speech("options an array", "options", options=["guard"]),
    speech("options with an object inside", "options.guard", options={"guard": {}}),
    speech("options with an integer of 65 bits", "options.rows", options={"rows": 2**64}),
    speech("options that the model has not", "options", options={"made_up": 1}),
    # Speech, JSON: the body as a whole.
    spoken("empty", b""),
    spoken("blank", b"  "),
    spoken("cut", b'{"input": "a"'),
    spoken("an array", b'[{"input": "a"}]'),
    spoken("null", b"null"),
    spoken("a string", b'"input"'),
    spoken("two documents", OK_BODY * 2),
    spoken("comma at the end", b'{"input": "a",}'),
    spoken("single quotes", b"{'input': 'a'}"),
    spoken("a comment", b'{"input": "a" /* b */}'),
    spoken("a raw line break in a string", b'{"input": "a\nb"}'),
    spoken("a raw NUL", b'{"input": "a\0"}'),
    spoken("NaN", b'{"input": "a", "speed": NaN}'),
    spoken("-Infinity", b'{"input": "a", "speed": -Infinity}'),
    spoken("1e400", b'{"input": "a", "speed": 1e400}'),
    spoken("5000 digits", b'{"input": "a", "seed": ' + b"9" * 5000 + b"}"),
    spoken("nested 100 000 deep", DEEP),
    spoken("nested 100 000 deep in a field nobody knows", '{"input": "a", "x": ' + DEEP),
    spoken("not UTF-8", b'{"input": "\xff\xfe"}'),
    spoken("overlong UTF-8", b'{"input": "\xc0\xaf"}'),
    spoken("a surrogate as UTF-8", b'{"input": "\xed\xa0\x80"}'),
    spoken("UTF-16", '{"input": "a"}'.encode("utf-16")),
    spoken("UTF-32", '{"input": "a"}'.encode("utf-32")),
    spoken("two byte order marks", b"\xef\xbb\xbf" * 2 + OK_BODY),
    spoken("a name twice", b'{"input": "a", "input": "b"}'),
    spoken("a name twice, spelled differently", b'{"input": "a", "inp\\u0075t": "b"}'),
    spoken("a name with half a pair of surrogates", b'{"input": "a", "speed\\ud800": 1}'),
    spoken("a name twice inside", b'{"input": "a", "voice": {"id": "a", "id": "b"}}'),
    # Speech: type, coding and length of the body.
    Bad("speech: text/plain", post(SPEECH, OK_BODY, "Content-Type: text/plain"), 415, code="unsupported_media_type"),
    Bad("speech: no such type", post(SPEECH, OK_BODY, "Content-Type: gibberish"), 415, code="unsupported_media_type"),
    Bad("speech: form-urlencoded", post(SPEECH, b"input=a", "Content-Type: application/x-www-form-urlencoded"), 415, code="unsupported_media_type"),
    Bad("speech: two types", post(SPEECH, OK_BODY, JSON, "Content-Type: text/plain"), 400),
    Bad("speech: latin-1", post(SPEECH, OK_BODY, JSON + "; charset=latin-1"), 400),
    Bad("speech: charset that does not exist", post(SPEECH, OK_BODY, JSON + "; charset=nothing"), 400),
    Bad("speech: bomb of 64 MiB in gzip", post_json(SPEECH, bomb(64), "Content-Encoding: gzip"), 413, code="body_too_large"),
    Bad("speech: bomb in deflate", post_json(SPEECH, zlib.compress(b" " * (64 << 20), 9), "Content-Encoding: deflate"), 413, code="body_too_large"),
    Bad("speech: bomb in gzip in chunks", post_chunks(SPEECH, b"%x\r\n%b\r\n0\r\n\r\n" % (len(bomb(64)), bomb(64)), "Content-Encoding: gzip"), 413, code="body_too_large"),
    Bad("speech: gzip that is none", post_json(SPEECH, OK_BODY, "Content-Encoding: gzip"), 400),
    Bad("speech: gzip cut", post_json(SPEECH, gzip.compress(OK_BODY)[:15], "Content-Encoding: gzip"), 400),
    Bad("speech: gzip in gzip", post_json(SPEECH, gzip.compress(gzip.compress(OK_BODY)), "Content-Encoding: gzip, gzip"), 415, param="Content-Encoding", code="unsupported_media_type"),
    Bad("speech: coding br", post_json(SPEECH, OK_BODY, "Content-Encoding: br"), 415, param="Content-Encoding", code="unsupported_media_type"),
    Bad("speech: coding zstd", post_json(SPEECH, OK_BODY, "Content-Encoding: zstd"), 415, param="Content-Encoding", code="unsupported_media_type"),
    Bad("speech: coding that does not exist", post_json(SPEECH, OK_BODY, "Content-Encoding: rot13"), 415, param="Content-Encoding", code="unsupported_media_type"),
    Bad("speech: two codings", post_json(SPEECH, gzip.compress(OK_BODY), "Content-Encoding: gzip", "Content-Encoding: identity"), 415, param="Content-Encoding", code="unsupported_media_type"),
    Bad("speech: announced too long", post(SPEECH, b"", JSON, length=(1 << 20) + 1), 413, code="body_too_large"),
    Bad("speech: announced as terabytes", post(SPEECH, b"", JSON, length=2**45), 413, code="body_too_large"),
    Bad("speech: too long in chunks", post_chunks(SPEECH, b"100001\r\n" + b" " * 0x100001 + b"\r\n0\r\n\r\n"), 413, code="body_too_large"),
    Bad("speech: body that never comes", post(SPEECH, b"", JSON, length=14), 408, code="body_too_slow"),
    Bad("speech: body that stops", post(SPEECH, OK_BODY, JSON, length=15), 408, code="body_too_slow"),
    Bad("speech: chunks that stop", post_chunks(SPEECH, b"5\r\n{\"inp"), 408, code="body_too_slow"),
    # Speech, form.
    Bad("speech form: nothing in it", post_form(SPEECH), 400, param="input"),
    said("input blank", "input", "text_empty", input=" "),
    said("input with NUL", "input", input="a\0"),
    said("speed no number", "speed", speed="fast"),
    said("speed with an underscore", "speed", speed="1_0"),
    said("speed nan", "speed", speed="nan"),
    said("speed of other digits", "speed", speed="١"),
    said("speed 9", "speed", speed="9"),
    said("stream maybe", "stream", stream="maybe"),
    said("voice half an object", "voice", voice='{"id": '),
    said("references no JSON", "references", references="["),
    said("reference_codes too deep", "reference_codes", reference_codes=DEEP),
    said("response_format unknown", "response_format", "unsupported_format", response_format="ogg"),
    Bad("speech form: input twice", post_form(SPEECH, INPUT, INPUT), 400, param="input"),
    Bad("speech form: not UTF-8", post_form(SPEECH, part("input", b"\xff")), 400, param="input"),
    Bad("speech form: no boundary", post(SPEECH, INPUT, "Content-Type: multipart/form-data"), 400),
    Bad("speech form: another boundary", post(SPEECH, INPUT, "Content-Type: multipart/form-data; boundary=x"), 400),
    Bad("speech form: boundary of 71 characters", post(SPEECH, INPUT, f"Content-Type: multipart/form-data; boundary={'b' * 71}"), 400),
    Bad("speech form: 513 parts", post_form(SPEECH, INPUT, *(part(f"x{n}", "1") for n in range(512))), 400),
    Bad("speech form: a coded part", post_form(SPEECH, part("input", "YQ==", "Content-Transfer-Encoding: base64")), 400, param="input"),
    # Transcriptions.
    Bad("transcription: no file", post_form(HEAR, part("model", "whisper-1")), 400, param="file"),
    Bad("transcription: nothing in it", post_form(HEAR), 400, param="file"),
    Bad("transcription: file as text", post_form(HEAR, part("file", "abc")), 400, param="file"),
    Bad("transcription: file under another name", post_form(HEAR, part("audio", bytes(70_000), filename="a.wav")), 400, param="audio"),
    Bad("transcription: file empty", post_form(HEAR, part("file", b"", filename="a.wav")), 400, param="file", code="bad_audio"),
    Bad("transcription: a name that is not UTF-8", post_form(HEAR, FILE, part("promptX", "a").replace(b"X", b"\xff")), 400),
    Bad("transcription: file twice", post_form(HEAR, FILE, FILE), 400, param="file"),
    Bad("transcription: file is no audio", post_form(HEAR, part("file", b"#!/bin/sh\n" * 99, filename="a.wav")), 400, param="file", code="bad_audio"),
    Bad("transcription: file is a cut header", post_form(HEAR, part("file", wav()[:20], filename="a.wav")), 400, param="file", code="bad_audio"),
    Bad("transcription: file is a playlist", post_form(HEAR, part("file", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", filename="a.m3u8")), 400, param="file", code="bad_audio"),
    Bad("transcription: file over the limit", post_form(HEAR, part("file", bytes((1 << 20) + 1), filename="a.wav")), 413, param="file", code="body_too_large"),
    Bad("transcription: announced as a gigabyte", post(HEAR, b"", f"Content-Type: multipart/form-data; boundary={BOUNDARY}", length=1 << 30), 413, code="body_too_large"),
    Bad("transcription: file in gzip", post(HEAR, gzip.compress(FILE), f"Content-Type: multipart/form-data; boundary={BOUNDARY}", "Content-Encoding: br"), 415, param="Content-Encoding", code="unsupported_media_type"),
    Bad("transcription: bomb", post(HEAR, gzip.compress(FILE[:-2] + bytes(64 << 20)), f"Content-Type: multipart/form-data; boundary={BOUNDARY}", "Content-Encoding: gzip"), 413, param="file", code="body_too_large"),
    Bad("transcription: coded part", post_form(HEAR, part("file", b"UklGRg==", "Content-Transfer-Encoding: base64", filename="a.wav")), 400, param="file"),
    Bad("transcription: gzip in a part", post_form(HEAR, part("file", gzip.compress(wav()), "Content-Encoding: gzip", filename="a.wav")), 400, param="file"),
    Bad("transcription: cut in the file", post_form(HEAR, FILE[:-200], ending=b""), 400),
    Bad("transcription: cut in a header", post_form(HEAR, FILE, ending=f"--{BOUNDARY}\r\nContent-Dispo".encode()), 400),
    Bad("transcription: cut before the end", post_form(HEAR, FILE, ending=b""), 400),
    Bad("transcription: cut, body stops", post(HEAR, FILE[:-200], f"Content-Type: multipart/form-data; boundary={BOUNDARY}", length=len(FILE)), 408, code="body_too_slow"),
    Bad("transcription: a form in the form", post_form(HEAR, part("x", b"--c\r\n\r\n1\r\n--c--", "Content-Type: multipart/mixed; boundary=c"), FILE), 400),
    Bad("transcription: part without a name", post_form(HEAR, FILE, part("", "x")), 400),
    Bad("transcription: part without Content-Disposition", post_form(HEAR, FILE, f"--{BOUNDARY}\r\n\r\nx\r\n".encode()), 400),
    Bad("transcription: part with a header of 20 000 bytes", post_form(HEAR, part("x", "1", "X: " + "a" * 20_000), FILE), 400),
    Bad("transcription: field over 64 KiB", post_form(HEAR, FILE, part("prompt", "a" * 65_537)), 400, param="prompt"),
    Bad("transcription: JSON", post_json(HEAR, {"file": "a"}), 415, code="unsupported_media_type"),
    Bad("transcription: audio as it is", post(HEAR, wav(), "Content-Type: audio/wav"), 415, code="unsupported_media_type"),
    Bad("transcription: no type", post(HEAR, FILE), 415, code="unsupported_media_type"),
    heard("model unknown", "model", "model_not_found", 404, N, model="gpt-nobody"),
    heard("model 257 characters", "model", model="m" * 257),
    heard("model with NUL", "model", model="a\0"),
    heard("response_format unknown", "response_format", response_format="xml"),
    heard("temperature 1.1", "temperature", temperature="1.1"),
    heard("temperature no number", "temperature", temperature="warm"),
    heard("temperature nan", "temperature", temperature="nan"),
    heard("language no language", "language", language="klingon"),
    heard("prompt 4097 characters", "prompt", prompt="a" * 4097),
    heard("prompt with NUL", "prompt", prompt="a\0"),
    heard("stream maybe", "stream", stream="maybe"),
    heard("granularity unknown", "timestamp_granularities[]", timestamp_granularities__="letter", response_format="verbose_json"),
    heard("granularities with json", "timestamp_granularities[]", timestamp_granularities__="word", response_format="json"),
    heard("chunking no JSON", "chunking_strategy", chunking_strategy="{"),
    heard("chunking unknown", "chunking_strategy", chunking_strategy="manual"),
    heard("include unknown", "include[]", include__="everything"),
    heard("thinking unknown", "thinking", thinking="hard"),
    Bad("transcription: model twice", post_form(HEAR, FILE, part("model", "a"), part("model", "b")), 400, param="model"),
    Bad("transcription: not UTF-8", post_form(HEAR, FILE, part("prompt", b"\xff\xfe")), 400, param="prompt"),
    # Translations.
    Bad("translation: no file", post_form(TRANSLATE, part("model", "whisper-1")), 400, param="file"),
    Bad("translation: JSON", post_json(TRANSLATE, {}), 415, code="unsupported_media_type"),
    translated("response_format unknown", "response_format", response_format="xml"),
    translated("temperature 2", "temperature", temperature="2"),
    # Batches and voices.
    batch("no items", "items", {}),
    batch("items null", "items", {"items": None}),
    batch("items an object", "items", {"items": {"input": "a"}}),
    batch("no item", "items", {"items": []}),
    batch("33 items", "items", {"items": [{"input": "a"}] * 33}),
    batch("an item that is a string", "items[1]", {"items": [{"input": "a"}, "a"]}),
    batch("stream", "stream", {"items": [{"input": "a"}], "stream": True}, "unsupported_feature"),
    batch("stream_format", "stream", {"items": [{"input": "a"}], "stream_format": "sse"}, "unsupported_feature"),
    batch("extra_body of an item a number", "extra_body", {"items": [{"input": "a", "extra_body": 1}]}),
    batch("cut", None, b'{"items": [{"input": "a"}'),
    batch("a name twice in an item", None, b'{"items": [{"input": "a", "input": "b"}]}'),
    Bad("batch: a form", post_form(BATCH, INPUT), 415, code="unsupported_media_type"),
    Bad("batch: bomb", post_json(BATCH, bomb(64), "Content-Encoding: gzip"), 413, code="body_too_large"),
    Bad("batch: GET", head(f"GET {BATCH} HTTP/1.1"), 405, code="method_not_allowed"),
    Bad("voices: unknown", head("GET /v1/audio/voices/nobody HTTP/1.1"), 404, N, "voice", "not_found"),
    Bad("voices: a path", head("GET /v1/audio/voices/..%2F..%2Fetc HTTP/1.1"), 404, N, "voice", "not_found"),
    Bad("voices: 300 characters", head(f"GET /v1/audio/voices/{'v' * 300} HTTP/1.1"), 404, N, "voice", "not_found"),
    Bad("voices: not UTF-8", head("GET /v1/audio/voices/%FF%00 HTTP/1.1"), 404, N, "voice", "not_found"),
    Bad("voices: of an unknown model", head("GET /v1/audio/voices?model=nobody HTTP/1.1"), 404, N, "model", "model_not_found"),
    Bad("voices: DELETE of all", head("DELETE /v1/audio/voices HTTP/1.1"), 405, code="method_not_allowed"),
]  # fmt: skip
