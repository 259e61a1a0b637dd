"""One stage in a process of its own: what it raises, and how it is ended at its deadline."""

import contextlib
import importlib
import json
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bench.gpu.machine import gpu_now
from bench.gpu.record import CUT, DONE, FAILED, RUNNING, SKIPPED, Record, Skipped, write_json
from bench.gpu.setting import Setting
from bench.gpu.stages import Stage

_POLL_S = 0.25
_OURS = ("bench", "antiphon", "antiphon_server")
_contexts = multiprocessing.get_context("forkserver")
_contexts.set_forkserver_preload(["torch"])  # once instead of in every stage; importing it touches no GPU


def import_torch() -> float:
    """Import torch once for all stages, which a fresh machine can take a minute for; the seconds it took."""
    began_at = time.monotonic()
    process = _contexts.Process(target=int)
    process.start()
    process.join()
    return time.monotonic() - began_at


def run_stage(
    stage: Stage, setting: Setting, path: Path, about: Mapping[str, Any], *, limit_s: float, seen: Callable[[], None]
) -> dict[str, Any]:
    """Run a stage to its end or to its limit, and return what it has left in ``path``.

    Args:
        stage: Which.
        setting: Of the run.
        path: Where it writes its results.
        about: What is known of the run.
        limit_s: Seconds after which it is killed with everything it has started.
        seen: Called whenever there are new results.
    """
    process = _contexts.Process(target=_child, args=(stage, setting, path, dict(about)))
    process.start()
    began_at = time.monotonic()
    try:
        _watch(process, path, began_at + limit_s, seen)
        is_cut = process.is_alive()
    finally:
        _kill(process)
    report = _finished(path, about, process, limit_s, is_cut=is_cut)
    report["took_s"] = round(time.monotonic() - began_at, 1)
    write_json(path, report)
    seen()
    return report


def _watch(process: BaseProcess, path: Path, until: float, seen: Callable[[], None]) -> None:
    last = 0
    while process.is_alive() and (left := until - time.monotonic()) > 0:
        process.join(min(_POLL_S, left))
        with contextlib.suppress(FileNotFoundError):
            if (changed := path.stat().st_mtime_ns) != last:
                last = changed
                seen()


def _finished(
    path: Path, about: Mapping[str, Any], process: BaseProcess, limit_s: float, *, is_cut: bool
) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {**about, "status": RUNNING}
    if report["status"] == RUNNING:
        reason = f"ended after its {limit_s:.0f} s" if is_cut else f"its process ended with {process.exitcode}"
        report.update(status=CUT if is_cut else FAILED, reason=reason)
    return report


def _kill(process: BaseProcess) -> None:
    """End it and what it has started; a process that is gone leaves nothing to do."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join(10)


def _child(stage: Stage, setting: Setting, path: Path, about: dict[str, Any]) -> None:
    os.setsid()  # so that all of it can be ended at once
    record = Record(path, about)
    try:
        _require_device(setting)
        module, _, function = stage.target.partition(":")
        getattr(importlib.import_module(module), function)(setting, record, **dict(stage.options))
    except Skipped as reason:
        record.end(SKIPPED, str(reason))
    except ModuleNotFoundError as missing:
        name = (missing.name or "").split(".")[0]
        is_ours = name in _OURS
        told = f"the package {name} is not installed" if name and not is_ours else str(missing)
        record.end(FAILED if is_ours else SKIPPED, told)
    except BaseException:  # noqa: BLE001 - whatever it was, the results so far must say so
        record.end(FAILED, traceback.format_exc()[-3000:])
    else:
        after = gpu_now() if setting.device == "cuda" else {}
        record.end(DONE, gpu_after=after, cpu_s=round(time.process_time(), 1))


def _require_device(setting: Setting) -> None:
    import torch  # noqa: PLC0415 - a machine without it is told so stage by stage

    from antiphon_server.errors import InvalidField  # noqa: PLC0415 - what comes along needs torch
    from antiphon_server.runtime.cuda.device import cuda_device  # noqa: PLC0415

    if setting.device == "cuda":
        try:
            cuda_device(setting.device)
        except InvalidField as refusal:
            raise Skipped(f"{refusal.message}; --device cpu --size tiny proves the stages without a GPU") from refusal
    if setting.device == "cpu":
        torch.set_num_threads(min(2, os.cpu_count() or 1) if setting.size == "full" else 1)
