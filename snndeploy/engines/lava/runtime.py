"""Lava's official runtime in an interpreter of its own, ended with all that it started whatever happens."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from snndeploy.engines.lava.exchange import save
from snndeploy.engines.lava.guard import SHARED
from snndeploy.engines.lava.plan import Plan, feed_data
from snndeploy.errors import SnnDeployError, error
from snndeploy.network.arrays import Array

WORKER = (sys.executable, "-P", "-m", "snndeploy.engines.lava.worker")
WHERE = "engine 'lava', mode 'runtime'"


class LavaTracebackError(Exception):
    """The traceback of a process of Lava, as text: the cause of a SnnDeployError SD513."""


def run_samples(
    plan: Plan, inputs: dict[str, Array], record: tuple[str, ...], timeout: float
) -> list[dict[str, dict[str, Array]]]:
    """All samples of a batch in one worker, as `inline.run_samples` returns them.

    Raises:
        SnnDeployError SD513: a process of Lava raised or died, or the worker took longer than `timeout` seconds.
    """
    steps, batch = next(iter(inputs.values())).shape[:2]
    total = steps + plan.late
    data = {
        feed.name: np.stack([feed_data(feed, inputs, sample, total) for sample in range(batch)]) for feed in plan.feeds
    }
    with tempfile.TemporaryDirectory(prefix="snndeploy-lava-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        save(folder / "plan.npz", plan, data, record)
        execute(folder, timeout)
        with np.load(folder / "rows.npz") as file:
            found = {key: file[key] for key in file.files}
    rows: list[dict[str, dict[str, Array]]] = [{what: {} for what in record} for _ in range(batch)]
    for key, array in found.items():
        what, population = key.split(".", 1)
        for sample in range(batch):
            rows[sample][what][population] = array[sample]
    return rows


def execute(folder: Path, timeout: float, command: Sequence[str] = WORKER) -> None:
    """Runs a worker on a folder. When this returns or raises, no process and no shared memory of it is left.

    Raises:
        SnnDeployError SD513: with the traceback of the process that failed as its cause.
    """
    package = str(Path(__file__).parents[3])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]).rstrip(":")}
    with open(folder / "stderr.txt", "wb") as log:
        worker = subprocess.Popen(
            [*command, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
        try:
            code: int | None = worker.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(worker)
    if code != 0:
        raise _failure(folder, code, timeout)


def _failure(folder: Path, code: int | None, timeout: float) -> SnnDeployError:
    cause = folder / "error.txt"
    log = (folder / "stderr.txt").read_text(errors="replace").strip()
    text = cause.read_text().strip() if cause.exists() else log
    if cause.exists():
        what = text.splitlines()[-1] if text else "it failed without a word"
        fix = "mode='inline' shows it with a traceback of its own"
    elif code is None:
        what, fix = f"it did not end within {timeout:g} s", "raise timeout, or use mode='inline', which cannot hang"
    elif code < 0:
        what, fix = f"its interpreter was ended by signal {-code} ({signal.Signals(-code).name})", "use mode='inline'"
    else:
        what, fix = f"its interpreter ended with exit code {code}", "use mode='inline'"
    problem = error("SD513", WHERE, what, fix)
    problem.__cause__ = LavaTracebackError(text) if text else None
    return problem


def _members(session: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, _, _, of = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:4]
            if int(of) == session and state not in "ZX":
                found.append(int(entry.name))
    return found


def _shared(pids: Sequence[int]) -> set[str]:
    """Names of the shared memory that these processes have mapped."""
    names: set[str] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            names.update(re.findall(rf"{SHARED}/(psm_\w+)", Path(f"/proc/{pid}/maps").read_text()))
    return names


def _end(worker: subprocess.Popen[bytes]) -> None:
    """Kills what is left of the worker's session and removes its shared memory."""
    names: set[str] = set()
    deadline = time.monotonic() + 10
    while pids := _members(worker.pid):
        names |= _shared(pids)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(10)
    for name in names:
        with contextlib.suppress(OSError):
            (SHARED / name).unlink()
