"""What the utterances of a call have in common: one sequence of the engine, and a digest of what it has heard."""

import hashlib
import secrets
from dataclasses import replace

from antiphon_server.engine.protocol import SpeechJob
from antiphon_server.engine.reference import SpeechReference
from antiphon_server.session.settings import SpeechSettings


class Replay:
    """Digest of all that decides an utterance's samples: equal digests mean equal samples."""

    def __init__(self, settings: SpeechSettings, before: bytes) -> None:
        """Begin with the model, the format and what was said before."""
        found = settings.format
        head = (settings.model, settings.revision, found.encoding.value, found.sample_rate_hz, before)
        self._hash = hashlib.sha256(repr(head).encode())
        self._known: dict[SpeechReference, bytes] = {}

    def pause(self, ms: int) -> None:
        """Go on by exact silence."""
        self._hash.update(f"pause {ms}".encode())

    def speak(self, job: SpeechJob) -> None:
        """Go on by a segment; who asks, and when, changes no sample."""
        heard = [self._digest(each) for each in (*job.reference, *job.previous)]
        options = tuple(sorted(job.options.items()))
        plain = replace(job, sequence="", caller="", due_at=None, reference=(), previous=(), options={})
        self._hash.update(repr((plain, options, len(job.reference), heard)).encode())

    def differ(self) -> None:
        """Be equal to no other."""
        self._hash.update(secrets.token_bytes(32))

    def digest(self) -> bytes:
        """Digest so far, 32 bytes."""
        return self._hash.digest()

    @property
    def token(self) -> str:
        """Digest so far, for callers: 32 hexadecimal digits."""
        return self._hash.hexdigest()[:32]

    def _digest(self, reference: SpeechReference) -> bytes:
        known = self._known.get(reference)
        if known is None:
            size = len(reference.codes).to_bytes(8)
            data = size + reference.codes + reference.transcript.encode("utf-8", "surrogatepass")
            known = self._known[reference] = hashlib.sha256(data).digest()
        return known


class CallSequence:
    """One sequence of the engine for all utterances of a call, one after the other."""

    def __init__(self) -> None:
        """Draw its id."""
        self.id = secrets.token_hex(16)  # ids of utterances repeat from call to call, and engines remember sequences
        self._before = b""

    def begin(self, settings: SpeechSettings) -> Replay:
        """Begin an utterance, whose samples depend on those before it where the engine remembers them."""
        before = self._before if settings.continuity not in ("", "NONE") else b""
        self._before = secrets.token_bytes(32)  # unless it comes to its end, who knows what the engine remembers
        return Replay(settings, before)

    def end(self, replay: Replay, *, is_repeatable: bool = True) -> None:
        """Note that an utterance came to its end; if that was by the clock, no other will be equal to it."""
        if not is_repeatable:
            replay.differ()
        self._before = replay.digest()
