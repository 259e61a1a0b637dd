"""Write docs/configuration.md from the settings' own docstrings, ranges and defaults."""

import ast
import dataclasses
import inspect
import typing
from pathlib import Path

from antiphon_server.config import settings
from antiphon_server.config.settings import Config, EngineSettings, Limits, Range

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/configuration.md"

HEAD = """<!-- Written by scripts/lib/settings_page.py from the settings' own docstrings; do not edit. -->
# Configuration

`antiphon-server --config FILE` reads TOML. Flags win over the environment (`ANTIPHON_LISTEN`,
`ANTIPHON_LIMITS_MAX_AUDIO_MS`, `ANTIPHON_CHAT_OPTIONS_API_KEY`), that over the file, that over the defaults.
Numbers and switches of an engine are texts there, as in `ANTIPHON_TTS_OPTIONS_THREADS=4`, and read by their kind.
`--print-config` shows what is in effect and where each value came from. An unknown key or a value out of range stops
the start with one sentence.

```toml
listen = "127.0.0.1:50051"
grace_s = 30

[limits]
max_synthesis_calls = 32

[chat]                                  # an OpenAI-style provider in place of the embedded model
engine = "openai"
options = { base_url = "https://api.deepseek.com/v1", model = "deepseek-chat", api_key = "..." }

[stt]                                   # your own model files
engine = "whisper"
options = { model = "/srv/models/whisper-small-ct2", threads = 4 }

[tts]                                   # Higgs Audio v3 TTS from a folder, or from a hub by its id
engine = "higgs"
options = { checkpoint = "/srv/models/higgs-audio-v3-tts-4b", dtype = "bfloat16", num_blocks = 1024 }

[scenarios.reception]
instructions = "You answer the phone of a small hotel. One or two short sentences."
delivery = "emotion=contentment"

[voice_aliases]
receptionist = "heart-calm"
```

Engines by name: `hibari`, `higgs` and, once added, `kokoro` (tts, second_tts), `whisper` and `higgs` (stt), once added
`moonshine` (live), `silero` (vad), `smollm` and `openai` (chat); or `package.module:function` of your own, with its
folder in `engine_path`. Their options are checked by the engine itself: an unknown one stops the start. Of `higgs`,
`--print-config` shows the memory it will take too.
"""


def described(kind: type) -> dict[str, str]:
    """Return the string under each field of a dataclass."""
    body = ast.parse(inspect.getsource(settings)).body
    node = next(item for item in body if isinstance(item, ast.ClassDef) and item.name == kind.__name__)
    pairs = zip(node.body, node.body[1:], strict=False)
    return {
        field.target.id: text.value.value
        for field, text in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(field.target, ast.Name)
    }


def table(kind: type, prefix: str) -> str:
    """Write the rows of one dataclass."""
    texts, hints = described(kind), typing.get_type_hints(kind, include_extras=True)
    lines = ["| key | default | range | meaning |", "| --- | --- | --- | --- |"]
    default = kind()
    for field in dataclasses.fields(kind):
        value = getattr(default, field.name)
        bounds = next((m for m in getattr(hints[field.name], "__metadata__", ()) if isinstance(m, Range)), None)
        shown = f"engine `{value.engine}`" if isinstance(value, EngineSettings) else f"`{value!r}`"
        if isinstance(value, Limits):
            shown = "see below"
        if isinstance(value, dict):
            shown = "built-in table" if value else "empty"
        reach = f"{bounds.low:,.0f} to {bounds.high:,.0f}" if bounds else ""
        lines.append(f"| `{prefix}{field.name}` | {shown} | {reach} | {' '.join(texts[field.name].split())} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """Return the page as it has to be now."""
    return (
        f"{HEAD}\n## The server\n\n{table(Config, '')}\n## Limits\n\n{table(Limits, 'limits.')}\n"
        f"## One engine (`tts`, `stt`, `vad`, `chat`)\n\n{table(EngineSettings, '')}"
    )


if __name__ == "__main__":
    PAGE.write_text(page())
