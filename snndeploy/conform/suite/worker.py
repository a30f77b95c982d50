"""Runs an adapter in a process of its own: what it does to that process is a result, and no traceback of ours.

    python -m snndeploy.conform.suite.worker module:object folder

A name of a vector comes in a line; out goes, per line, the length of an answer and the answer, pickled: ("ok", Answer
or arrays) or ("error", text). The first answer says whether the adapter could be loaded.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

Run = Callable[..., Any]


def load(target: str) -> Run:
    """The function `run(graph, input, dt)` that "module:object" names: the object itself, its `run`, or its class's.

    Raises:
        whatever importing the module raises; AttributeError, TypeError: there is no such function.
    """
    module, _, path = target.partition(":")
    found: Any = importlib.import_module(module)
    for name in (path or "run").split("."):
        found = getattr(found, name)
    return function(found)


def function(adapter: Any) -> Run:
    """The function of an adapter: a function, an object with `run`, or a class of such objects."""
    found = adapter() if inspect.isclass(adapter) else adapter
    found = getattr(found, "run", found)
    if not callable(found):
        raise TypeError(f"{adapter!r} is no function and has no run(graph, input, dt)")
    return found


def called(run: Run, case: Any) -> Any:
    """What an adapter gives for a vector; an adapter that has a parameter `contract` gets the contract too."""
    given: dict[str, Any] = {}
    if "contract" in inspect.signature(run).parameters:
        given["contract"] = case.contract
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run(case.graph(), case.input, case.dt, **given)


def portable(found: Any) -> Any:
    """Tensors and lists as arrays, so that the process that judges needs nothing of the adapter's."""
    from snndeploy.conform.suite.verdict import Answer

    def array(value: Any) -> Any:
        return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)

    def arrays(value: Any) -> Any:
        return {str(n): array(x) for n, x in value.items()} if hasattr(value, "items") else array(value)

    if isinstance(found, Answer):
        return Answer(arrays(found.outputs), arrays(found.v), arrays(found.i), found.notes)
    return arrays(found)


def told(problem: BaseException) -> str:
    """An exception in a line."""
    findings = getattr(problem, "findings", None)
    text = str(findings[0]) if findings else (str(problem).strip().splitlines() or [""])[0]
    return f"{type(problem).__name__}: {text}"[:300] if text else type(problem).__name__


def main(target: str, folder: str) -> None:
    from snndeploy.conform.suite.case import every

    out: BinaryIO = os.fdopen(os.dup(1), "wb")
    # what the library prints goes where its complaints go
    os.dup2(2, 1)

    def answer(word: str, what: Any) -> None:
        raw = pickle.dumps((word, what))
        out.write(len(raw).to_bytes(8, "little") + raw)
        out.flush()

    warnings.simplefilter("ignore")
    try:
        run = load(target)
        cases = {case.name: case for case in every(Path(folder))}
    except Exception as problem:
        answer("error", told(problem))
        return
    answer("ok", None)
    for line in sys.stdin:
        try:
            answer("ok", portable(called(run, cases[line.rstrip("\n")])))
        except (Exception, SystemExit) as problem:
            answer("error", told(problem))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
