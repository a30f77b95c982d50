"""`identify` on files: the network, what was fed in, what was recorded, and the constant that comes with a loop."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.conform.identify import Identified, identify, population_named
from snndeploy.errors import SnnDeployError, error
from snndeploy.files import existing, load_arrays, short
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network


def identify_recording(
    model: Network | str | os.PathLike[str],
    data: Any,
    spikes: Any,
    v: Any = None,
    population: str | None = None,
    others: Mapping[str, Any] | None = None,
    dt: float | None = None,
) -> Identified:
    """See `snndeploy.identify`."""
    if isinstance(model, Network):
        network, loops = model, {}
    else:
        from snndeploy.frontends.nir import read

        # any reset will do: all are tried
        try:
            network = read(model, dt=dt)
        except SnnDeployError:
            network = read(model, dt=dt, reset="to-zero")
        loops = constants_of_loops(model, network)
    given = _batched(network, data)
    inputs = as_inputs(network, given)
    steps, batch = next(iter(inputs.values())).shape[:2]
    name = population_named(network, population)
    shape = network.shapes[name]
    fired = _shaped("spikes", spikes, steps, batch, shape)
    membranes = None if v is None else _shaped("v", v, steps, batch, shape)
    fed = {each: _shaped(each, rows, steps, batch, network.shapes[each]) for each, rows in (others or {}).items()}
    return identify(network, inputs, fired, membranes, name, fed, loops.get(name))


def _batched(network: Network, data: Any) -> Any:
    """One sample may come without its axis."""
    if len(network.given) == 1 and not isinstance(data, Mapping):
        array, shape = np.asarray(data), network.given[0].shape
        if array.shape[1:] == shape or (array.ndim == 2 and array.shape[1] == prod(shape)):
            return array.reshape(len(array), 1, *shape)
    return data


def _shaped(what: str, rows: Any, steps: int, batch: int, shape: tuple[int, ...]) -> Array:
    array = np.asarray(rows)
    if array.ndim == 0 or array.shape[0] != steps or array.size != steps * batch * prod(shape):
        raise error("SD722", what, f"its shape {array.shape} does not fit {(steps, batch, *shape)}", "a row per step")
    return array.reshape(steps, batch, *shape)


def rows_of(path: str | os.PathLike[str]) -> Any:
    """The array of a .npy or .npz file, or of a table in a .csv file."""
    file = existing(path, "recording")
    if Path(file).suffix != ".csv":
        return load_arrays(file, "recording")
    try:
        return np.loadtxt(file, delimiter=",", ndmin=2)
    except (ValueError, OSError, UnicodeDecodeError) as problem:
        what = f"it is no table of numbers ({short(problem)})"
        raise error("SD803", str(path), what, "a row per step, numbers with commas") from problem


def constants_of_loops(path: str | os.PathLike[str], network: Network) -> dict[str, Array]:
    """By population: the bias of an affine node that feeds a neuron with its own spikes."""
    from snndeploy.frontends.nir.loading import load

    graph = load(path)
    found: dict[str, Array] = {}
    for name, node in graph.nodes.items():
        bias = node.fields.get("bias") if hasattr(node, "fields") else None
        if bias is None:
            continue
        before = {a for a, b in graph.edges if b == name}
        after = {b for a, b in graph.edges if a == name}
        for each in before & after & network.population.keys():
            found[each] = found.get(each, 0) + np.asarray(bias, np.float64)
    return found
