"""What `learn()` of a model file yields behind each epoch, as rows of `epochs.csv`: checked before it is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import signature
from typing import Any

import numpy as np
import torch

from snndeploy.errors import SnnDeployError, error
from snndeploy.files import short
from snndeploy.frontends.user_code import failed_line
from snndeploy.network.arrays import Array
from snndeploy.train.state import Epoch

Learn = Callable[..., Iterator[Mapping[str, float] | None]]
DONE = object()
# columns that are the loop's own
OWN = ("epoch", *Epoch._fields)


def said_by(
    learn: Learn, module: torch.nn.Module, x: Array, labels: Array, given: Mapping[str, Any]
) -> Iterator[dict[str, float]]:
    """What learn() says behind each epoch: a row of `epochs.csv`, the same columns each time. Raises SD891."""
    try:
        signature(learn).bind(module, x, labels, **given)
    except TypeError as problem:
        fix = "def learn(module, x, labels, ...): every other argument is a setting, or has a default"
        raise error("SD891", "learn()", f"it cannot be called so ({short(problem)})", fix) from None
    names: list[str] | None = None
    steps: Iterator[Any] | None = None
    while True:
        try:
            if steps is None:
                found: Any = learn(module, x, labels, **given)
                if not isinstance(found, Iterable):
                    what = f"it returns {type(found).__name__} and yields nothing"
                    raise error("SD891", "learn()", what, "yield after each epoch: yield {'moved': 0.1}, or yield None")
                steps = iter(found)
            said = next(steps, DONE)
        except SnnDeployError:
            raise
        except Exception as problem:
            at = ", ".join(filter(None, ("learn()", failed_line(problem))))
            what = f"it raises {type(problem).__name__}: {short(problem)}"
            raise error("SD891", at, what, "yield after each epoch, and correct what fails there") from problem
        if said is DONE:
            return
        row = _row(said)
        if names not in (None, list(row)):
            first, now = (", ".join(each) or "nothing" for each in (names or (), row))
            what = f"it yields {now} where it first yielded {first}"
            raise error("SD891", "learn()", what, "yield the same names after each epoch")
        names = list(row)
        yield row


def _row(said: Any) -> dict[str, float]:
    fix = "yield numbers by name, as in yield {'moved': 0.1}, or None"
    if not isinstance(said, Mapping | None):
        raise error("SD891", "learn()", f"it yields {type(said).__name__}, not numbers by name", fix)
    row: dict[str, float] = {}
    for name, value in (said or {}).items():
        # a number of NumPy or torch too
        whole = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
        if whole.size != 1 or whole.dtype.kind not in "biuf":
            raise error("SD891", "learn()", f"it yields {name} = {str(value)[:60]!r}, no number", fix)
        if not str(name).isprintable() or {*',"'} & {*str(name)} or name in OWN or str(name).startswith("rate of "):
            raise error("SD891", "learn()", f"{name!r} is no name for a column, or one of another", fix)
        row[str(name)] = whole.item()
    return row
