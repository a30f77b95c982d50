"""What a vector must give: the reference's spikes and states, in the units of NIR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snndeploy.conform.suite.contract import Contract, network, synaptic
from snndeploy.engines import reference
from snndeploy.engines.base import Job
from snndeploy.engines.reference.float_rule import FloatState
from snndeploy.engines.trace import Trace
from snndeploy.frontends.nir.graph import NEURONS, Graph
from snndeploy.frontends.nir.nested import PASS, Notes, flatten
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import InputKind, Network, Population


@dataclass(frozen=True, eq=False)
class Recorded:
    """What leaves a graph, and what it held behind each step.

    Attributes:
        outputs: by name of Output node, (time, batch, *shape): 0 and 1, or values where what leaves are values.
        v: membranes by name of node, after the reset.
        i: synaptic currents of CubaLI and CubaLIF by name of node.
    """

    outputs: Mapping[str, Array]
    v: Mapping[str, Array]
    i: Mapping[str, Array]


def kind_of(x: Array) -> InputKind:
    """Of what numbers say of themselves."""
    if x.dtype.kind not in "bui":
        return "real"
    return "binary" if x.max(initial=0) <= 1 else "counts"


def meant(graph: Graph, contract: Contract, inputs: Mapping[str, Array], where: str = "graph") -> Network:
    """The network of a vector."""
    return network(graph, contract, {name: kind_of(x) for name, x in inputs.items()}, where)


def expected(
    graph: Graph, contract: Contract, inputs: Mapping[str, Array], where: str = "graph"
) -> tuple[Recorded, float]:
    """The reference's answer, and the least |p - threshold| of any membrane in any step; inf without a threshold."""
    net = meant(graph, contract, inputs, where)
    closest = [np.inf]

    class Watched(FloatState):
        def fires(self, p: Array, theta: Array) -> Array:
            # a decision on a tie that the contract names is no close call
            away = np.abs(p - theta)
            closest[0] = min(closest[0], float(np.min(away[away > TIE], initial=np.inf)))
            return super().fires(p, theta)

    def begin(population: Population, batch: int) -> FloatState:
        return Watched(population.rule, (batch, *population.shape))  # type: ignore[arg-type]

    trace = reference.run(Job(net, as_inputs(net, dict(inputs)), ("spikes", "u", "v")), begin)
    return recorded(graph, contract, trace), closest[0]


# a threshold is moved by one float, float32 perhaps, where a spike needs p >= threshold
TIE = 1e-6


def recorded(graph: Graph, contract: Contract, trace: Trace) -> Recorded:
    """A trace in the names and units of NIR."""
    nodes = flatten(graph, Notes("graph")).nodes
    outputs = {}
    for name, population in output_populations(graph, trace.network).items():
        spiking = trace.network.population[population].rule.spiking
        outputs[name] = trace.spikes[population] if spiking else trace.v[population]
    v = {n: x for n, x in trace.v.items() if n in nodes and nodes[n].type in NEURONS - {"Threshold"}}
    cuba = [n for n in trace.u if n in nodes and nodes[n].type.startswith("Cuba")]
    return Recorded(outputs, v, {n: synaptic(nodes[n], contract) * trace.u[n] for n in cuba})


def output_populations(graph: Graph, net: Network) -> dict[str, str]:
    """Output node -> the population that it shows."""
    flat = flatten(graph, Notes("graph"))
    before = {b: a for a, b in flat.edges}
    found = {}
    for name, node in flat.nodes.items():
        if node.type == "Output":
            shown = name
            while shown not in net.population:
                shown = before[shown]
                assert shown in net.population or flat.nodes[shown].type == PASS
            found[name] = shown
    return found


def smallest(array: Array) -> Array:
    """The same numbers in the smallest type that holds them: int8, float32 or float64."""
    kinds = (np.int8,) if array.dtype.kind in "bui" else (np.int8, np.float32)
    for kind in kinds:
        with np.errstate(all="ignore"):
            held = array.astype(kind)
        if np.array_equal(held.astype(np.float64), np.asarray(array, np.float64)):
            return held
    return np.asarray(array, np.int64 if array.dtype.kind in "bui" else np.float64)


def dyadic(found: Recorded) -> bool:
    """All of it is exact in float32."""
    arrays = [*found.outputs.values(), *found.v.values(), *found.i.values()]
    return all(smallest(each).dtype != np.float64 for each in arrays)
