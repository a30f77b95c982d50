"""A network as plain NIR: the nearest standard model, node by node. Same network, same graph.

| in the network | in the file |
|---|---|
| one receptor, alpha 0 | LIF, LI; IF, I where beta is 1; Threshold where nothing is remembered |
| one receptor, alpha | CubaLIF, CubaLI |
| several receptors | an LI (or I, Scale) per receptor in front of the neuron: exact |
| no reset | LI, I or CubaLI followed by a Threshold: exact |
| any other reset | v_reset: the value, or threshold - amount |
| bias | v_leak; a constant: bias of one incoming Affine or convolution, else v_leak in the steady state |
| graded value | a Scale behind the neuron |
| delay | a Delay node of delay·dt in front of the maps; a node that feeds itself is 1 late by rule and needs none |
| maps without a node, as a reshape | one matrix over flattened vectors; the population is then flat |
| integers | weight·2^exponent·64/scale and so on, see `nearest.py` |
| population that feeds nothing | an Output, which nir would add by itself |

Everything else is in the block.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.frontends.nir import neurons
from snndeploy.frontends.nir.chains import Step, TooLargeError, integers, matrix_steps, plain, steps
from snndeploy.frontends.nir.graph import Edge, Graph, Node
from snndeploy.frontends.nir.nearest import float_network
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network, Population, Projection

# where a map's weight is: (projection index, map index) -> (node, field)
Places = dict[tuple[int, int], tuple[str, str]]


def encode(network: Network) -> tuple[Graph, Places]:
    """The plain graph of a legal network, and where the weights of its maps are in it.

    Raises:
        SnnDeployError SD414: a map needs a matrix that is too large.
    """
    encoder = Encoder(float_network(network))
    encoder.run()
    return Graph(encoder.nodes, tuple(encoder.edges)), encoder.places


class Encoder:
    """Builds the graph node by node; the styles of `styles.py` change a step or two."""

    def __init__(self, network: Network):
        self.network = network
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.joined: set[Edge] = set()
        self.places: Places = {}
        self.entry: dict[tuple[str, int], str] = {}
        self.exit: dict[str, str] = {each.name: each.name for each in network.inputs}
        self.taken = set(network.shapes)
        self.flat: set[str] = set()

    def run(self) -> None:
        network = self.network
        self.inferred = self._reached()
        chains = self._chains()
        incoming: dict[str, list[tuple[Projection, list[Step]]]] = {}
        for p, chain in zip(network.projections, chains, strict=True):
            incoming.setdefault(p.target, []).append((p, chain))
        for source in network.inputs:
            self.nodes[source.name] = Node("Input", {"shape": integers(plain(source.shape))})
        for each in network.populations:
            self._population(each, incoming.get(each.name, []))
        for i, p in enumerate(network.projections):
            self._projection(i, p, chains[i])
        self._outputs()

    # shapes

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape in the file."""
        shape = self.network.shapes[name]
        return (prod(shape),) if name in self.flat else plain(shape)

    def _reached(self) -> set[str]:
        """What spikes of an input can reach: only there does nir infer shapes."""
        reached = {each.name for each in self.network.inputs}
        while more := {p.target for p in self.network.projections if p.source in reached} - reached:
            reached |= more
        return reached

    def _chains(self) -> list[list[Step]]:
        """The nodes of every projection. A population that some map can only reach flattened is flat for all."""
        network = self.network
        while True:
            found: list[list[Step]] = []
            for p in network.projections:
                try:
                    chain = self._chain(p)
                except TooLargeError as problem:
                    raise error(
                        "SD414",
                        f"projection {p.name!r}",
                        f"{problem}, more than fits into a file",
                        "write its maps as convolutions without uneven padding, give an input that is reshaped its "
                        "final shape, or split it",
                    ) from None
                if chain is None:
                    self.flat.add(p.target)
                    break
                found.append(chain)
            else:
                return found

    def _chain(self, p: Projection) -> list[Step] | None:
        shape, target = self.network.shapes[p.source], self.network.shapes[p.target]
        flat_source, flat_target = p.source in self.flat, p.target in self.flat
        if not flat_source and not flat_target:
            found = steps(p.maps, shape, p.source in self.inferred)
            if found is not None:
                return found
        elif flat_source and flat_target and not p.maps:
            return []
        if len(target) > 1 and not flat_target:
            return None
        return self._matrix(p)

    def _matrix(self, p: Projection) -> list[Step]:
        return matrix_steps(p.maps, self.network.shapes[p.source], p.source in self.flat)

    # nodes

    def _name(self, wanted: str) -> str:
        base = re.sub(r"\W", "_", wanted.replace("->", "_to_"))
        name, count = base, 1
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name

    def _connect(self, source: str, target: str) -> None:
        """An edge; nir refuses a second one between the same nodes, so that gets a Scale by 1."""
        if (source, target) in self.joined:
            shape = tuple(self._shape_of(source))
            between = self._name(f"{source}_again")
            self.nodes[between] = Node("Scale", {"scale": np.ones(shape)})
            self._connect(source, between)
            source = between
        self.edges.append((source, target))
        self.joined.add((source, target))

    def _shape_of(self, node: str) -> tuple[int, ...]:
        fields = self.nodes[node].fields
        if "shape" in fields:
            return tuple(int(n) for n in np.asarray(fields["shape"]))
        return np.asarray(next(fields[f] for f in ("r", "threshold", "scale", "delay") if f in fields)).shape

    def _population(self, each: Population, incoming: list[tuple[Projection, list[Step]]]) -> None:
        rule: Any = each.rule
        name = each.name
        shape, written = each.shape, self.shape(name)
        n = neurons.numbers(rule, shape, written)
        n = placed(n, incoming)
        spiking: dict[str, Array] | None = None
        threshold = np.zeros(0)
        if rule.spiking:
            threshold = np.ascontiguousarray(np.broadcast_to(rule.threshold, shape).reshape(written))
            spiking = {"v_threshold": threshold, "v_reset": neurons.reset_to(rule, shape, written)}
        body = name
        if neurons.is_threshold(rule, n):
            self.nodes[name] = Node("Threshold", {"threshold": threshold})
            self.entry[name, 0] = name
        else:
            if rule.spiking and rule.reset.kind == "none":
                body, spiking = self._name(f"{name}_v"), None
                self.nodes[name] = Node("Threshold", {"threshold": threshold})
                self._connect(body, name)
            self._body(body, name, n, spiking)
        self.exit[name] = name
        if rule.spiking and np.any(np.asarray(rule.value) != 1):
            value = np.ascontiguousarray(np.broadcast_to(rule.value, shape).reshape(written))
            self.exit[name] = self._name(f"{name}_value")
            self.nodes[self.exit[name]] = Node("Scale", {"scale": value})
            self._connect(name, self.exit[name])

    def _body(self, body: str, name: str, n: neurons.Numbers, spiking: dict[str, Array] | None) -> None:
        """The membrane `body` of population `name`, and what stands in front of it."""
        dt = self.network.dt
        if len(n.alpha) == 1:
            self.nodes[body] = Node(*neurons.membrane(n, dt, spiking))
            self.entry[name, 0] = body
            return
        zero, one = np.zeros_like(n.beta), np.ones_like(n.beta)
        alone = neurons.Numbers(n.beta, n.bias, (zero,), (one,), (zero,))
        self.nodes[body] = Node(*neurons.membrane(alone, dt, spiking))
        for k in range(len(n.alpha)):
            front = neurons.synapse(n, k, dt)
            self.entry[name, k] = body
            if front is not None and any(p.target == name and p.receptor == k for p in self.network.projections):
                self.entry[name, k] = self._name(f"{name}_u{k}")
                self.nodes[self.entry[name, k]] = Node(*front)
                self._connect(self.entry[name, k], body)

    def _late(self, p: Projection) -> bool:
        """Its delay has to be written: a node that feeds itself is 1 late by rule."""
        alone = p.source == p.target == self.entry[p.target, p.receptor]
        return p.delay > 0 and not (alone and p.delay == 1)

    def _projection(self, i: int, p: Projection, chain: list[Step]) -> None:
        before = self.exit[p.source]
        if self._late(p):
            name = self._name(f"{p.name}_delay")
            self.nodes[name] = Node("Delay", {"delay": np.full(self.shape(p.source), p.delay * self.network.dt)})
            self._connect(before, name)
            before = name
        for k, step in enumerate(chain):
            name = self._name(p.name if len(chain) == 1 else f"{p.name}_{k}")
            self.nodes[name] = Node(step.type, step.fields)
            if step.map is not None and (step.type == "Scale" or "weight" in step.fields):
                self.places[i, step.map] = (name, "scale" if step.type == "Scale" else "weight")
            self._connect(before, name)
            before = name
        self._connect(before, self.entry[p.target, p.receptor])

    def _outputs(self) -> None:
        network = self.network
        for each in network.outputs:
            name = self._name("output" if len(network.outputs) == 1 else f"output_{each}")
            self.nodes[name] = Node("Output", {"shape": integers(self.shape(each))})
            self._connect(self.exit[each], name)
        feeding = {p.source for p in network.projections} | set(network.outputs)
        for each in network.shapes:
            if each not in feeding:
                name = self._name(f"output_{each}")
                self.nodes[name] = Node("Output", {"shape": integers(self.shape(each))})
                self._connect(self.exit[each], name)


def placed(n: neurons.Numbers, incoming: list[tuple[Projection, list[Step]]]) -> neurons.Numbers:
    """Puts constants into the biases of incoming projections; what finds no place goes to the membrane's bias."""
    bias, alpha, gain, drive = n.bias, n.alpha, n.gain, list(n.drive)
    integrator = (n.beta == 1).all() and len(alpha) == 1 and not alpha[0].any()
    if integrator and bias.any() and (gain[0] != 0).all() and _carrier(incoming, 0, drive[0] + bias / gain[0]):
        drive[0], bias = drive[0] + bias / gain[0], np.zeros_like(bias)
    for k, value in enumerate(drive):
        if not value.any():
            continue
        carrier = _carrier(incoming, k, value)
        if carrier is None:
            bias = bias + neurons.resting(neurons.Numbers(n.beta, bias, alpha, gain, tuple(drive)), k)
        elif carrier.type == "Linear":
            carrier.type, carrier.fields["bias"] = "Affine", value
        else:
            carrier.fields["bias"] = value.reshape(value.shape[0], -1)[:, 0].copy()
    return neurons.Numbers(n.beta, bias, alpha, gain, tuple(drive))


def _carrier(incoming: list[tuple[Projection, list[Step]]], k: int, value: Array) -> Step | None:
    """The last node of a projection into receptor k that has a bias which can be `value`; a loop only if it must."""
    for p, chain in sorted(incoming, key=lambda each: each[0].source == each[0].target):
        if p.receptor != k or not chain:
            continue
        last = chain[-1]
        channels = value.reshape(len(value), -1)
        if last.type == "Linear" or (last.type.startswith("Conv") and (channels == channels[:, :1]).all()):
            return last
    return None
