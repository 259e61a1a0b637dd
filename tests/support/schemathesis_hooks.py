"""Real audio in half of the forms that schemathesis makes up: random bytes never get past the decoder."""

import io
import wave

import schemathesis

_FILES = ("file",)


def _tone() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(b"\x00\x20\x00\xe0" * 2_000)
    return file.getvalue()


_TONE = _tone()


@schemathesis.hook
def before_call(context, case, kwargs):
    if not isinstance(case.body, dict):
        return
    for name in _FILES:
        given = case.body.get(name)
        if isinstance(given, str | bytes) and len(repr(case.body)) % 2:
            case.body[name] = _TONE
