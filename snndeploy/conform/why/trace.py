"""`why`: the membrane of one neuron in one step of a trace as a sum, and the same of the spikes that made it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from snndeploy.conform.align import View, align
from snndeploy.conform.diagnosis.evidence import gather
from snndeploy.conform.why.attribute import attribute, unravelled
from snndeploy.conform.why.result import Why
from snndeploy.engines.trace import Trace
from snndeploy.errors import error
from snndeploy.network.network import Network

Neuron = str | tuple[str, Any]


def why(
    given: Trace | Network, neuron: Neuron, step: int, data: Any = None, sample: int = 0, depth: int = 0, most: int = 3
) -> Why:
    """See `snndeploy.why`."""
    if isinstance(given, Network):
        from snndeploy.engines import run

        if data is None:
            raise error("SD724", "why", "a network alone did nothing", "give data, or a trace")
        given = run(given, data, "reference", ("spikes", "v"))
    view = align(given, given, "find")[0]
    population, index = place(given.network, neuron)
    if not 0 <= step < view.steps or not 0 <= sample < view.batch:
        what = f"step {step}, sample {sample} are outside {view.steps} steps of {view.batch} samples"
        raise error("SD724", f"neuron {neuron!r}", what, f"choose a step below {view.steps}")
    return _why(view, population, index, step, sample, depth, most)


def place(network: Network, neuron: Neuron) -> tuple[str, tuple[int, ...]]:
    """("hidden", (3,)) of "hidden[3]", ("hidden", 3) or ("hidden", (3,)).

    Raises:
        SnnDeployError SD724: there is no such neuron.
    """
    index: Any
    if isinstance(neuron, str):
        matched = re.fullmatch(r"(.*)\[([\d,\s]*)\]", neuron)
        name = matched[1] if matched else neuron
        index = tuple(int(i) for i in matched[2].split(",") if i.strip()) if matched else ()
    else:
        name, index = neuron
        index = (int(index),) if np.ndim(index) == 0 else tuple(int(i) for i in index)
    if name not in network.population:
        raise error(
            "SD724",
            f"neuron {neuron!r}",
            f"there is no population {name!r}",
            f"choose from {', '.join(network.population)}",
        )
    shape = network.shapes[name]
    if len(index) != len(shape) or any(not 0 <= i < n for i, n in zip(index, shape, strict=True)):
        raise error(
            "SD724", f"neuron {neuron!r}", f"{name!r} has the shape {shape}", f"{name}[{','.join('0' for _ in shape)}]"
        )
    return name, index


def _why(view: View, name: str, index: tuple[int, ...], step: int, sample: int, depth: int, most: int) -> Why:
    network = view.trace.network
    e = gather(network, view, name, np.array([sample]))
    if e is None:
        what = "its spikes, or those of what feeds it, were not recorded"
        raise error("SD724", f"population {name!r}", what, 'record=("spikes", "v") of all populations')
    found = attribute(e, index, step)
    terms = unravelled(found.terms, network.shapes)
    spike = None if e.spikes is None else bool(e.spikes[(step, 0, *index)])
    because: tuple[Why, ...] = ()
    if depth > 0:
        # what pushed it the way it went
        push = 1 if spike is None or spike else -1
        causes = [t for t in terms if t.source in network.population and t.amount * push > 0][:most]
        because = tuple(_why(view, t.source, t.index, t.step, sample, depth - 1, most) for t in causes)
    own = None if found.own is None or spike is None or found.own == spike else found.own
    return Why(name, index, step, sample, spike, found.p, found.theta, terms, because, own)
