"""Opens files by the code of the child process, in a fork of one warm process per file: a crash stays a crash, and a
file costs milliseconds instead of the start of an interpreter. Limits and isolation are those of the child itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from snndeploy.frontends.nir import loading
from snndeploy.frontends.nir.loading import Limits

# HDF5 never ends on some files: waiting longer tells nothing more
SECONDS = 2.0
SERVER = """
import json, os, select, signal, sys, time
sys.path.insert(0, sys.argv[1])
import h5py, numpy, resource, child
complaints = os.open(os.devnull, os.O_WRONLY)
os.dup2(complaints, 2)
for line in sys.stdin.buffer:
    request = json.loads(line)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.dup2(write, 1)
        sys.argv = ["child", line.decode()]
        code = 1
        try:
            code = child.main()
        finally:
            os._exit(code)
    os.close(write)
    parts, end, late = [], time.monotonic() + request["seconds"], False
    while True:
        ready, _, _ = select.select([read], [], [], max(0, end - time.monotonic()))
        late = not ready
        if late:
            os.kill(pid, signal.SIGKILL)
            break
        part = os.read(read, 1 << 20)
        if not part:
            break
        parts.append(part)
    os.close(read)
    _, status, usage = os.wait4(pid, 0)
    raw = b"".join(parts)
    head = {"code": os.waitstatus_to_exitcode(status), "late": late, "size": len(raw), "kib": usage.ru_maxrss}
    head["cpu"] = usage.ru_utime + usage.ru_stime
    out = sys.stdout.buffer
    out.write(json.dumps(head).encode() + b"\\n" + raw)
    out.flush()
"""


class Server:
    """`loading._open`, but for the start of an interpreter.

    Attributes:
        kib, cpu: the largest resident memory of a fork so far, and the processor time of all.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::"}
        self.kib, self.cpu = 0, 0.0
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", SERVER, str(loading.CHILD.parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, "HDF5_USE_FILE_LOCKING": "FALSE"},
        )

    def open(self, path: Path, limits: Limits) -> tuple[dict[str, Any], bytes]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if path.stem != "out":  # what we wrote ourselves may take its time
            limits = replace(limits, seconds=min(limits.seconds, self.seconds))
        self.process.stdin.write(json.dumps({"path": str(path.resolve()), **asdict(limits)}).encode() + b"\n")
        self.process.stdin.flush()
        head = json.loads(self.process.stdout.readline())
        raw = self.process.stdout.read(head["size"])
        self.kib = max(self.kib, head["kib"])
        self.cpu += head["cpu"]
        if head["late"]:
            raise loading._late(path, limits)
        return loading._answer(raw, head["code"], [], path, limits)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
