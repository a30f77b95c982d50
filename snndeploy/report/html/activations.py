"""A page to look into a network with: the spikes and membranes of each layer for one sample, step by step.

Each population is drawn as what it is, a tile per channel or a field of neurons; a slider goes through the steps, and a
neuron that is chosen shows its membrane over time. One file, which fetches nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding, error, raise_errors
from snndeploy.files import check_output, replacing
from snndeploy.network.arrays import Array
from snndeploy.report.html.page import asset, embedded
from snndeploy.report.thresholds import fixed_threshold

# membranes that a page holds, steps x neurons; each takes 16 bits, as text 2.7 bytes
MOST = 6_000_000
LEVELS = 32_000


def most(trace: Trace, names: list[str] | None = None) -> Finding | None:
    """What is wrong where a page cannot hold it all."""
    shown = _chosen(trace, names)
    values = trace.steps * sum(prod(trace.network.shapes[name]) for name in shown)
    if values <= MOST:
        return None
    what = f"{trace.steps} steps of {values // trace.steps:,} neurons are {values:,} membranes, and it holds {MOST:,}"
    return Finding("SD888", "activations", what, "name populations (--population), or give it fewer steps")


def write(
    trace: Trace,
    path: str | os.PathLike[str],
    sample: int = 0,
    names: list[str] | None = None,
    said: str = "",
    number: int | None = None,
) -> Path:
    """Writes the page; it appears when it is whole.

    Args:
        trace: with spikes and v. sample: which one of its batch. names: populations; None: all.
        said: what stands beside the sample's number, its class. number: the sample's, where it is another one.

    Raises:
        SnnDeployError SD102: no such sample or population, or no v was recorded. SD802: it cannot be written there.
        SD888: more than a page holds.
    """
    target = check_output(path)
    if not 0 <= sample < trace.batch:
        raise error("SD102", f"sample {sample}", f"the trace has {trace.batch}", f"0 to {trace.batch - 1}")
    found = most(trace, names)
    raise_errors([found] if found else [])
    page = _html(trace, sample, _chosen(trace, names), said, sample if number is None else number).encode("utf-8")
    with replacing(target) as temporary:
        temporary.write_bytes(page)
    return target


def _chosen(trace: Trace, names: list[str] | None) -> list[str]:
    order = [each.name for each in trace.network.populations if each.name in trace.v]
    if not order:
        raise error("SD102", "trace", "it holds no v", 'record=("spikes", "v") (--record spikes,v)')
    for name in names or ():
        if name not in order:
            raise error("SD102", f"population {name!r}", "it has no v here", f"choose from {', '.join(order)}")
    return [name for name in order if names is None or name in names]


def _html(trace: Trace, sample: int, names: list[str], said: str, number: int) -> str:
    inputs = [_input(name, x[:, sample]) for name, x in trace.inputs.items()]
    layers = [_layer(trace, sample, name) for name in names]
    decision = None
    rule = trace.network.decision
    if rule is not None and rule.population in trace.spikes:
        decision = f"decides for class {int(trace.decisions()[sample])} ({rule.rule} of {rule.population})"
    script = asset("activations.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(asset("activations.html.j2")).render(
        style=Markup(asset("page.css") + asset("activations.css")),
        script=Markup(script),
        policy=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=embedded({"steps": trace.steps, "dt": trace.network.dt, "layers": [*inputs, *layers]}),
        sample=number,
        said=said,
        decision=decision,
        engine=trace.engine,
        form=trace.network.form,
        steps=trace.steps,
        dt=trace.network.dt,
        layers=[*inputs, *layers],
    )


def _input(name: str, x: Array) -> dict[str, Any]:
    """What goes in: numbers instead of membranes, and no spikes."""
    scale, values = _narrow(x.astype(np.float64))
    shape = list(x.shape[1:])
    return {"name": name, "shape": shape, "kind": "input", "v": values, "scale": scale, "spikes": "", "theta": None}


def _layer(trace: Trace, sample: int, name: str) -> dict[str, Any]:
    scale, values = _narrow(trace.membrane(name)[:, sample])
    spikes = ""
    if name in trace.spikes:
        spikes = _text(np.packbits(trace.spikes[name][:, sample].reshape(-1)))
    shape = list(trace.network.shapes[name])
    theta = fixed_threshold(trace.network.population[name].rule)
    return {
        "name": name,
        "shape": shape,
        "kind": "layer",
        "v": values,
        "scale": scale,
        "spikes": spikes,
        "theta": theta,
    }


def _narrow(values: Array) -> tuple[float, str]:
    """The largest |v| over LEVELS, and v in units of that, int16."""
    scale = float(np.abs(values).max(initial=0.0)) / LEVELS or 1.0
    return scale, _text(np.rint(values / scale).astype("<i2"))


def _text(values: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
