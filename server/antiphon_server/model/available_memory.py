"""How much memory this machine has left for us: what the system calls available, within the limit of our container."""

import re
from pathlib import Path

_KIB = 1024
_V2, _V1 = Path("sys/fs/cgroup"), Path("sys/fs/cgroup/memory")
_UNLIMITED = 1 << 60  # version 1 writes a number of this size where there is no limit


def available_bytes(root: Path = Path("/")) -> int | None:
    """Bytes that a process can take before something is killed; None where the system does not say.

    Args:
        root: Where ``proc`` and ``sys`` are.
    """
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    of_machine = [int(found[1]) * _KIB] if found else []
    limits = of_machine + [room for folder in _groups(root) if (room := _room(folder)) is not None]
    return min(limits, default=None)


def _groups(root: Path) -> list[Path]:
    """Folders of our control group and those above it; in a container the first may be hidden."""
    folders = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" or "memory" in controllers.split(","):
            top = root / (_V1 if controllers else _V2)
            own = top / path.strip("/")
            folders += [own, *(above for above in own.parents if above == top or top in above.parents)]
    return folders


def _room(folder: Path) -> int | None:
    for limit, used, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        values = [_text(folder / name).strip() for name in (limit, used)]
        if all(value.isdigit() for value in values) and int(values[0]) < _UNLIMITED:
            kept = re.search(rf"^{cached} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
            return max(0, int(values[0]) - int(values[1]) + (int(kept[1]) if kept else 0))
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
