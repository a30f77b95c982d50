"""Runs a backend on vectors, in a child process with limits of time."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from snndeploy.conform.suite.case import Case
from snndeploy.conform.suite.files import FOLDER
from snndeploy.conform.suite.verdict import Verdict, judge
from snndeploy.errors import error

# to import a backend's packages
LOADING = 300.0


class Child:
    """A process that runs one adapter."""

    def __init__(self, target: str, folder: Path):
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115
        path = os.pathsep.join(each or os.getcwd() for each in sys.path)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "snndeploy.conform.suite.worker", target, os.fspath(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            start_new_session=True,
            # the adapter may lie where the caller's own imports come from
            env={**os.environ, "PYTHONPATH": path},
        )
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        out = self.process.stdout
        assert out is not None
        with suppress(OSError, ValueError):
            while len(head := out.read(8)) == 8:
                raw = out.read(int.from_bytes(head, "little"))
                try:
                    # written by the adapter's own process, which runs what the caller named
                    self.answers.put(pickle.loads(raw))
                except Exception as problem:
                    self.answers.put(("error", f"its answer cannot be read: {problem}"))
        self.answers.put(None)

    def ask(self, name: str) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(f"{name}\n".encode())
            self.process.stdin.flush()

    def answer(self, seconds: float) -> tuple[str, Any]:
        """("ok", what) or ("error", text), or ("timeout" | "crashed", text) after which the process is gone."""
        try:
            found = self.answers.get(timeout=seconds)
        except queue.Empty:
            self.end()
            return "timeout", f"it took longer than {seconds:g} s"
        if found is None:
            self.process.wait()
            return "crashed", self._last()
        return found  # type: ignore[no-any-return]

    def _last(self) -> str:
        code = self.process.returncode
        how = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit code {code}"
        self.complaints.seek(0)
        lines = self.complaints.read().decode("utf-8", "replace").strip().splitlines()
        return f"{how}: {lines[-1][:200]}" if lines else how

    def end(self) -> None:
        """Nothing of it stays."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.complaints.close()


def verdicts(
    target: str,
    cases: Sequence[Case],
    seconds: float = 60.0,
    folder: Path = FOLDER,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[tuple[Case, Verdict, Any]]:
    """Each vector with its verdict and what the adapter gave (None if nothing).

    Args:
        target: "module:object" of the adapter.
        seconds: that one vector may take; a process that takes longer is ended, and the next vector gets a new one.

    Raises:
        SnnDeployError SD742: the adapter cannot be loaded.
    """
    child: Child | None = None
    try:
        for i, case in enumerate(cases):
            progress(i, len(cases))
            if child is None:
                child = _started(target, folder)
            before = time.monotonic()
            child.ask(case.name)
            word, what = child.answer(seconds)
            took = time.monotonic() - before
            if word in ("timeout", "crashed"):
                child.end()
                child = None
                yield case, Verdict(word, reason=what, seconds=took), None  # type: ignore[arg-type]
            elif word == "error":
                yield case, Verdict("refused", reason=what, seconds=took), None
            else:
                verdict = judge(case, what)
                yield case, Verdict(**{**vars(verdict), "seconds": took}), what
        progress(len(cases), len(cases))
    finally:
        if child is not None:
            child.end()


def _started(target: str, folder: Path) -> Child:
    child = Child(target, folder)
    word, what = child.answer(LOADING)
    if word != "ok":
        child.end()
        fix = "name a function run(graph, input, dt), or an object that has one, as module:object"
        raise error("SD742", f"adapter {target!r}", f"it cannot be loaded: {what}", fix)
    return child
