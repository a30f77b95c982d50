"""Lava's official runtime under guard. Runs only in the worker interpreter, see `worker.py`.

Lava starts one OS process per Process. If one of them raises or dies, the others wait for it for ever. Here a thread
watches them all; the first that fails ends the worker, with its traceback in a file. The parent does the rest.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SHARED = Path("/dev/shm")
PERIOD = 0.05
PATIENCE = 40
EXIT_FAILED = 3


class Guard:
    """Watches the actors of Lava runtimes. `folder` receives `error.txt`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.runtimes: list[Any] = []
        self.lock = threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def fail(self, text: str) -> None:
        """Writes the cause, removes the shared memory and ends the worker at once; the first cause wins.

        The parent finds shared memory by the processes that hold it, but they may all have ended with the first.
        """
        with self.lock:
            for runtime in self.runtimes:
                infrastructure = runtime._messaging_infrastructure
                for handle in infrastructure.smm._shared_memory_handles if infrastructure else []:
                    (SHARED / handle.name).unlink(missing_ok=True)
            part = self.folder / "error.part"
            part.write_text(text)
            part.replace(self.folder / "error.txt")
            os._exit(EXIT_FAILED)

    def _watch(self) -> None:
        silent = 0
        while True:
            time.sleep(PERIOD)
            for runtime in list(self.runtimes):
                infrastructure = runtime._messaging_infrastructure
                found = [_failure(actor) for actor in list(infrastructure.actors)] if infrastructure else []
                causes = [text for text in found if text]
                if runtime not in self.runtimes:
                    continue
                if causes:
                    self.fail(causes[0])
                # those that were told to end by one that raised; its traceback may still be on the way
                silent = silent + 1 if None in found else 0
                if silent > PATIENCE:
                    self.fail("RuntimeError: a process of Lava stopped without a word")

    def run(self, processes: Iterable[Any], config: Any, steps: int, read: Any) -> None:
        """Compiles and runs all processes for `steps` steps, part by part, and calls `read` with the processes of each
        part while its runtime is still there."""
        from lava.magma.core.process.message_interface_enum import ActorType
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.runtime.mgmt_token_enums import MGMT_RESPONSE, enum_equal
        from lava.magma.runtime.runtime import Runtime

        for process in processes:
            if process.runtime is not None:
                continue
            executable = process.compile(config)
            runtime = Runtime(executable, ActorType.MultiProcessing)
            executable.assign_runtime_to_all_processes(runtime)
            self.runtimes.append(runtime)
            try:
                runtime.initialize()
            except Exception as cause:
                self.fail(getattr(cause, "trace", "") or traceback.format_exc())
            runtime.start(RunSteps(num_steps=steps, blocking=False))
            for port in runtime.service_to_runtime:
                while not port.probe():
                    time.sleep(0.001)
                if not enum_equal(port.recv(), MGMT_RESPONSE.DONE):
                    # whose fault it is comes through the pipe of the process that raised
                    time.sleep(PATIENCE * PERIOD)
                    self.fail("RuntimeError: Lava's runtime service reported an error without a cause")
            runtime._is_running = False
            read(executable.process_list)
            self.runtimes.remove(runtime)
            runtime.stop()


def _failure(actor: Any) -> str | None:
    """What is wrong with a Lava actor that should be running: its traceback or signal; None if it just ended."""
    try:
        alive = actor.is_alive()
        if actor.exception:
            return str(actor.exception[1])
        if alive:
            return ""
        code = actor.exitcode
    except (ValueError, OSError, EOFError):
        return ""  # closed by an orderly stop in this very moment
    if code < 0:
        return f"RuntimeError: a process of Lava was ended by signal {-code}"
    return f"RuntimeError: a process of Lava ended with exit code {code}" if code else None
