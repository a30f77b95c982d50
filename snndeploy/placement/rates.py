"""How often neurons spike: measured, expected, or every neuron alike where nothing is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.engines import Trace
from snndeploy.errors import Finding, SnnDeployError, error, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.network.network import Input, Network

# a trace; spikes per neuron and step, of all or by name of input and population; None: every neuron alike
Given = Trace | float | Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class Rates:
    """Spikes per step of each neuron that has synapses on others, float64 (neurons,), by name of input or population.

    said: where they come from, in words.
    """

    of: Mapping[str, Array]
    said: str


def rates(network: Network, given: Given = None) -> Rates:
    """Rates from what is given. An input that is always on spikes in every step, whatever is given.

    A trace counts events: of an input that counts, the steps in which it is not 0.

    Raises:
        SnnDeployError SD250: a rate is no number of 0 or more, does not fit the shape, or is missing; all at once. Of a
            trace: it is of another network, or does not hold the spikes of a population that feeds others.
    """
    sources = {p.source: network.shapes[p.source] for p in network.projections}
    always = {each.name for each in network.inputs if each.kind == "constant"} & sources.keys()
    ask = {name: shape for name, shape in sources.items() if name not in always}
    fixed = {name: np.ones(_size(network, name)) for name in always}
    if isinstance(given, Trace):
        return Rates(_measured(network, given, tuple(ask)) | fixed, f"measured in {_bins(given)}")
    if given is None:
        alike = {name: np.ones(_size(network, name)) for name in ask}
        return Rates(alike | fixed, "unknown: every neuron counts as one spike per step")
    if not isinstance(given, Mapping):
        found, problems = _expected(dict.fromkeys(ask, given), ask)
        raise_errors(problems[:1])
        return Rates(found | fixed, f"expected: {float(given):g} spikes per neuron and step")
    wrong = [name for name in given if name not in network.shapes]
    known = ", ".join(ask)
    problems = [Finding("SD250", f"rates of {name!r}", "there is no such input or population", known) for name in wrong]
    found, more = _expected({name: given[name] for name in ask if name in given}, ask)
    problems += more
    problems += [Finding("SD250", f"rates of {n!r}", "they are missing", "give them") for n in ask if n not in given]
    raise_errors(problems)
    return Rates(found | fixed, "expected, by population")


def _size(network: Network, name: str) -> int:
    return int(np.prod(network.shapes[name]))


def _bins(trace: Trace) -> str:
    return f"{trace.batch:,} {'sample' if trace.batch == 1 else 'samples'} of {trace.steps:,} steps"


def _expected(
    given: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> tuple[dict[str, Array], list[Finding]]:
    found: dict[str, Array] = {}
    problems: list[Finding] = []
    for name, value in given.items():
        where = f"rates of {name!r}"
        try:
            number = np.asarray(value, np.float64)
            if not (np.isfinite(number).all() and (number >= 0).all()):
                problems.append(Finding("SD250", where, "a rate is negative or no finite number", "0.1"))
                continue
            found[name] = np.broadcast_to(number, shapes[name]).ravel()
        except (TypeError, ValueError):
            what = f"{np.shape(value)} does not fit {shapes[name]}" if np.shape(value) else f"{value!r} is no number"
            problems.append(Finding("SD250", where, what, "a number, or one per neuron"))
    return found, problems


def events(network: Network, trace: Trace, name: str) -> Array:
    """Where an input or a population sends an event, bool (time, batch, neurons).

    Raises:
        SnnDeployError SD250: the trace does not hold it.
    """
    steps, batch, size = trace.steps, trace.batch, _size(network, name)
    each = network.input.get(name)
    if each is not None and each.kind == "constant":
        return np.broadcast_to((np.arange(steps) >= each.onset)[:, None, None], (steps, batch, size))
    held: Mapping[str, Array] = trace.spikes if each is None else trace.inputs
    if name not in held:
        raise _not_held(name, each)
    fits = held[name].shape == (steps, batch, *network.shapes[name])
    if not fits:
        what = f"the trace has {held[name].shape[2:]}, the network {network.shapes[name]}"
        raise error("SD250", f"rates of {name!r}", what, "run this network")
    return np.asarray(held[name].reshape(steps, batch, size) != 0)


def _not_held(name: str, each: Input | None) -> SnnDeployError:
    what = "the trace does not hold its spikes" if each is None else "the trace does not hold it"
    return error("SD250", f"rates of {name!r}", what, 'run this network with record=("spikes",) of all populations')


def _measured(network: Network, trace: Trace, names: tuple[str, ...]) -> dict[str, Array]:
    if trace.raw:
        raise error("SD250", "rates", "the trace is in the time of an engine", "run without raw")
    return {name: events(network, trace, name).mean(axis=(0, 1)) for name in names}
