"""Large blocks that were freed are there at once when they are needed again."""

import subprocess
import sys

import pytest

_PROGRAM = """
import ctypes, resource, sys, threading
from antiphon_server.worker.heap import keep_freed

if "keep" in sys.argv and not keep_freed():
    sys.exit("no mallopt here")

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def fill():
    block = libc.malloc(54_000_000)
    ctypes.memset(block, 1, 54_000_000)
    libc.free(block)

def use():
    for _ in range(3):
        fill()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    fill()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

thread = threading.Thread(target=use)
thread.start()
thread.join()
"""


def num_faults(*arguments):
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    if "no mallopt here" in ended.stderr:
        pytest.skip("this C library has no mallopt")
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


def test_a_block_that_was_freed_is_used_again_without_page_faults():
    assert num_faults("keep") < 100


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep freed memory in their own ways")
def test_without_the_setting_each_page_of_it_is_fetched_anew():
    assert num_faults() > 5_000
