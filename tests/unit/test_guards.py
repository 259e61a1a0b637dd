"""The guards of the whole suite stand: blocking calls are caught, and a run of nothing fails."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from blockbuster import BlockingError

import antiphon_compat
import antiphon_server

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("package", [antiphon_server, antiphon_compat], ids=lambda package: package.__name__)
async def test_a_blocking_call_of_ours_inside_a_coroutine_is_caught(package):
    planted = {"time": time}
    source = compile("def block(): time.sleep(0)", f"{package.__path__[0]}/planted.py", "exec")
    exec(source, planted)  # as if it stood in the package
    with pytest.raises(BlockingError):
        planted["block"]()


def run_pytest(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a suite of one module under this suite's conftest, in a process of its own."""
    (folder / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (folder / "test_planted.py").write_text(source)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        folder,
        "-o",
        f"pythonpath={TESTS}",
        *options,
        folder,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "source",
    ["", "import pytest\n@pytest.mark.skip(reason='never')\ndef test_nothing(): pass\n"],
    ids=["no tests", "all skipped"],
)
def test_a_run_without_a_test_that_ran_fails(tmp_path, source):
    done = run_pytest(tmp_path, source)
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout


def test_a_run_with_a_test_passes(tmp_path):
    done = run_pytest(tmp_path, "def test_something(): assert True\n")
    assert done.returncode == pytest.ExitCode.OK, done.stdout


def test_the_last_object_of_grpc_may_be_collected_in_any_coroutine(tmp_path):
    source = """
import gc
import grpc
import antiphon_server
from blockbuster import BlockingError
import threading
import pytest

async def test_collected():
    box = [grpc.aio.insecure_channel("127.0.0.1:9")]
    await box[0].close()
    code = compile("def drop(): box.clear(); gc.collect()", f"{antiphon_server.__path__[0]}/planted.py", "exec")
    planted = {"box": box, "gc": gc}
    exec(code, planted)
    planted["drop"]()

async def test_joined():
    thread = threading.Thread(target=threading.Event().wait, args=(0.2,))
    thread.start()
    planted = {"thread": thread}
    exec(compile("def join(): thread.join()", f"{antiphon_server.__path__[0]}/planted.py", "exec"), planted)
    with pytest.raises(BlockingError):
        planted["join"]()
"""
    strict = ["-W", "error::pytest.PytestUnraisableExceptionWarning", "-o", "asyncio_mode=auto"]
    done = run_pytest(tmp_path, source, *strict)
    assert done.returncode == pytest.ExitCode.OK, done.stdout
