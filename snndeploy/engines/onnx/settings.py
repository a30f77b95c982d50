"""The options of the engine, checked."""

from __future__ import annotations

import os
from dataclasses import dataclass

from snndeploy.engines.base import Job, check_options
from snndeploy.errors import error
from snndeploy.frontends.onnx import Form

GRAPHS: tuple[Form, ...] = ("sequence", "step")
FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class Options:
    """Which graph runs, in which arithmetic, on how many threads."""

    graph: Form
    dtype: str
    threads: int


def settings(job: Job) -> Options:
    """The options of a job. Raises SnnDeployError SD503, SD521."""
    given = check_options("onnx", job.options, {"graph": "sequence", "dtype": None, "threads": None})
    dtype, graph, threads = given["dtype"], given["graph"], given["threads"]
    if job.network.form == "integer" and dtype is not None:
        raise error("SD521", "engine 'onnx'", f"dtype={dtype!r} has no meaning for the integer form", "leave it out")
    for name, value, values in (("dtype", dtype or "float32", FLOATS), ("graph", graph, GRAPHS)):
        if value not in values:
            what = f"{name}={value!r} is not offered"
            raise error("SD521", "engine 'onnx'", what, f"choose from {', '.join(values)}")
    if threads is None:
        said = os.environ.get("OMP_NUM_THREADS", "")
        threads = int(said) if said.isdecimal() else 0
    if not isinstance(threads, int) or threads < 0:
        raise error("SD521", "engine 'onnx'", f"threads={threads!r} is no number of threads", "threads=1")
    return Options(graph, dtype or "float32", threads)
