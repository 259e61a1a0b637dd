"""A model hub on this machine: as much of its HTTP interface as a client needs to fetch one model's files."""

import functools
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

COMMIT = "7" * 40
_BYTES_CUT = 1_000_000


@dataclass
class Hub:
    """What it holds, and how it misbehaves."""

    folder: Path
    names: tuple[str, ...] = ("bosonai/higgs-audio-v3-tts-4b",)
    revisions: tuple[str, ...] = ("main", "v1", COMMIT)
    status: int = 200
    """Answer of every request, if not 200."""
    error_code: str = ""
    """``X-Error-Code``, such as GatedRepo."""
    claimed_bytes: int = 0
    """Size of the weights as listed, if not the real one."""
    is_cut: bool = False
    """Whether the weights' transfer breaks off."""
    token: str = ""
    """What callers must show, if anything."""
    asked: list[str] = field(default_factory=list)
    """Paths of all requests, with their methods."""
    url: str = ""

    @contextmanager
    def running(self) -> Iterator["Hub"]:
        """Serve on a free port."""
        with ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": self})) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()

    def run(self, folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python in ``folder`` with this hub for the only one; what it fetches is kept in ``folder/home``."""
        own = {"HF_ENDPOINT": self.url, "HF_HOME": str(folder / "home"), **environment}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING_FACE"))}
        return subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env=kept | own,
            cwd=folder,
        )

    def size_of(self, path: Path) -> int:
        """Bytes of a file as the hub lists it."""
        is_claimed = self.claimed_bytes and path.suffix == ".safetensors"
        return self.claimed_bytes if is_claimed else path.stat().st_size


class _Handler(BaseHTTPRequestHandler):
    hub: ClassVar[Hub]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, path = self.hub, self.path.split("?")[0].strip("/")
        hub.asked.append(f"{self.command} /{path}")
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self._refuse(401, "GatedRepo")
        if hub.status != 200:
            return self._refuse(hub.status, hub.error_code)
        parts = path.removeprefix("api/models/").split("/")
        name, rest = "/".join(parts[:2]), parts[2:]
        if name not in hub.names:
            return self._refuse(404, "RepoNotFound")
        revision = rest[1] if len(rest) > 1 else "main"
        if revision not in hub.revisions:
            return self._refuse(404, "RevisionNotFound")
        if not path.startswith("api/"):
            return self._send_file(hub.folder / rest[2])
        return self._send_json(self._tree() if rest[:1] == ["tree"] else {"id": name, "sha": COMMIT, "siblings": []})

    def _tree(self) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": path.name, "size": self.hub.size_of(path), "oid": _etag(path)}
            for path in sorted(self.hub.folder.iterdir())
        ]

    def _send_json(self, content: object) -> None:
        body = json.dumps(content).encode()
        self._begin(200, len(body), {"Content-Type": "application/json"})
        if self.command == "GET":
            self.wfile.write(body)

    def _send_file(self, path: Path) -> None:
        if not path.is_file():
            return self._refuse(404, "EntryNotFound")
        body = path.read_bytes()
        first = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        about = {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if first:
            about["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
        num_bytes = len(body) - first if self.command == "GET" else self.hub.size_of(path)
        self._begin(206 if first else 200, num_bytes, about)
        if self.command == "HEAD":
            return None
        if self.hub.is_cut and path.suffix == ".safetensors":
            self.wfile.write(body[first : first + _BYTES_CUT])
            self.close_connection = True
            return None
        self.wfile.write(body[first:])
        return None

    def _refuse(self, status: int, code: str) -> None:
        self._begin(status, 0, {"X-Error-Code": code} if code else {})

    def _begin(self, status: int, num_bytes: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(num_bytes)}.items():
            self.send_header(name, value)
        self.end_headers()


@functools.cache
def _etag(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
