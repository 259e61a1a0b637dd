"""What becomes of memory that an engine has freed."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
"""Of malloc.h in glibc."""


def keep_freed() -> bool:
    """Have large blocks that are freed stay with the process; to be called before it has threads.

    glibc gives every block of more than 32 MB back at once, and the next one costs a page fault for each 4 KB.
    Whisper's attention over 30 s takes 54 MB and more in each layer: a third of an encoder run went into that.

    Returns:
        False where malloc has no such setting; it is only slower there.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return False
    settings = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_ARENA_MAX: 1}
    return all(libc.mallopt(name, value) == 1 for name, value in settings.items())
