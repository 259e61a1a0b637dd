"""How an engine process is built: which parts it hosts and how each is made.

A spec crosses a process border before anything is imported, so it names its factories instead of holding them, and its
options are plain values: str, bytes, int, float, bool, None, lists and string-keyed dicts of those.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Role = Literal["synthesizer", "transcriber", "live_transcriber", "voice_activity", "chat"]
"""What a part does; each is one protocol of ``engine.protocol``."""

ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class PartSpec:
    """One engine of a process."""

    factory: str
    """"package.module:function" of an ``async def create(options) -> engine``; its ``info()`` answers when warm."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Given to the factory. Tuples arrive as lists."""

    def __post_init__(self) -> None:
        module, colon, function = self.factory.partition(":")
        if not (module and colon and function):
            raise ValueError(f'factory must be "package.module:function", not {self.factory!r}')


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One engine process."""

    name: str
    """For logs and metrics."""
    parts: Mapping[Role, PartSpec]
    """At least one; built in this order."""
    num_threads: int = 0
    """Threads of native libraries (OMP_NUM_THREADS and its relatives); 0 lets each library choose."""
    nice: int = 0
    """0 to 19, added to the process's niceness, so that synthesis can go before transcription on a small machine."""
    python_path: tuple[str, ...] = ()
    """Folders put in front of the child's ``sys.path``, for factories outside the installed packages."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.parts) - set(ROLES))
        if unknown or not self.parts:
            raise ValueError(f"parts must be some of {', '.join(ROLES)}, not {unknown or 'none'}")
        if not 0 <= self.nice <= 19:
            raise ValueError(f"nice must be 0 to 19, not {self.nice}")
        if self.num_threads < 0:
            raise ValueError(f"num_threads must be 0 or more, not {self.num_threads}")
