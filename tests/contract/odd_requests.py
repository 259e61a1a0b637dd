# ruff: noqa: E501  # a case is a line, however long, and some hold letters that look like others
"""Requests that look strange and are good."""

import gzip
import zlib

from bad_requests import FILE, HEAR, INPUT, JSON, OK_BODY, SPEECH

from support.raw_http import BOUNDARY, head, part, post, post_chunks, post_form, post_json, wav

FORM = f'Content-Type: multipart/form-data; boundary="{BOUNDARY}"'
END = f"--{BOUNDARY}--\r\n".encode()
ODD = {
    "JSON with a byte order mark": post_json(SPEECH, b"\xef\xbb\xbf" + OK_BODY),
    "JSON in gzip": post_json(SPEECH, gzip.compress(OK_BODY), "Content-Encoding: gzip"),
    "JSON in deflate": post_json(SPEECH, zlib.compress(OK_BODY), "Content-Encoding: Deflate"),
    "JSON in two gzip members": post_json(SPEECH, gzip.compress(OK_BODY[:5]) + gzip.compress(OK_BODY[5:]), "Content-Encoding: gzip"),
    "JSON with a type of its own": post(SPEECH, OK_BODY, "content-TYPE: application/vnd.api+json; charset=\"UTF-8\""),
    "JSON without a type": post(SPEECH, OK_BODY),
    "JSON with null everywhere": post_json(SPEECH, {"input": "a", "voice": None, "speed": None, "stream": None, "model": None}),
    "JSON with a field nobody knows": post_json(SPEECH, {"input": "a", "colour": {"deep": [[[]]]}}),
    "JSON with a pair of surrogates": post_json(SPEECH, b'{"input": "a \\ud83c\\udfa4"}'),
    "largest input": post_json(SPEECH, {"input": "ß" * 5000, "response_format": "pcm"}),
    "chunks with an extension and a trailer": post_chunks(SPEECH, b'e;a="b c"\r\n%b\r\n0\r\nX: 1\r\n\r\n' % OK_BODY),
    "chunks of one byte": post_chunks(SPEECH, b"".join(b"1\r\n%c\r\n" % byte for byte in OK_BODY) + b"0\r\n\r\n"),
    "chunks with sizes in capitals and zeros": post_chunks(SPEECH, b"000E\r\n%b\r\n0\r\n\r\n" % OK_BODY),
    "Expect": post(SPEECH, OK_BODY, JSON, "Expect: 100-Continue"),
    "query nobody asked for": post_json(SPEECH + "?input=b&input=c", OK_BODY),
    "form with a quoted boundary": post(SPEECH, INPUT + END, FORM),
    "form with words before and after it": post(SPEECH, b"before\r\n" + INPUT + END + b"after", FORM),
    "form with a type for each part": post_form(SPEECH, part("input", "a", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit")),
    "file named as a path": post_form(HEAR, part("file", wav(), filename="../../../../tmp/x.wav")),
    "file named with quotes and more": post_form(HEAR, part("file", wav(), filename='a\\"b\u2028.wav')),
    "file without an ending": post_form(HEAR, part("file", wav(), filename="a")),
    "file without a name, of a type that only files have": post_form(HEAR, part("file", wav(), "Content-Type: audio/wav")),
    "file named in the way of RFC 5987": post_form(HEAR, FILE.replace(b'filename="a.wav"', b"filename*=UTF-8''%e6%97%a5.wav")),
    "file named in no way that there is": post_form(HEAR, FILE.replace(b'; filename="a.wav"', b"; filename*=\"Rumpelstiltskin''\"\r\nContent-Type: audio/wav")),
    "file from a browser's recorder": post_form(HEAR, part("file", wav(), "Content-Type: audio/webm;codecs=opus", filename="blob")),
    "file after the fields": post_form(HEAR, part("response_format", "text"), FILE),
    "field nobody knows in a form": post_form(HEAR, FILE, part("colour", "red")),
    "HTTP/1.0": head("GET /live HTTP/1.0"),
    "HTTP/1.0 without a Host": b"GET /live HTTP/1.0\r\n\r\n",
    "absolute target": head("GET http://127.0.0.1/live HTTP/1.1"),
    "empty lines first": b"\r\n\r\n" + head("GET /live HTTP/1.1"),
    "blanks around a value": head("GET /live HTTP/1.1", "X: \t a \t "),
    "a header in latin-1": head("GET /live HTTP/1.1") .replace(b"\r\n\r\n", b"\r\nX: caf\xe9\r\n\r\n"),
    "120 headers": head("GET /live HTTP/1.1", *(f"X-{n}: 1" for n in range(120))),
    "a request id that is none": head("GET /live HTTP/1.1", "x-request-id: " + "a" * 4000),
    "a body nobody asked for": head("GET /live HTTP/1.1", "Content-Length: 2") + b"{}",
    "types nobody can make": head("GET /v1/models HTTP/1.1", "Accept: text/html;q=0, image/*"),
}  # fmt: skip
