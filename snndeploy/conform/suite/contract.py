"""What NIR leaves open, written down: a contract says which reading of a graph a vector tests.

A graph with a contract is one network in steps of dt. With k = dt/tau, s = [p > threshold]::

    euler        p = (1 - k)·v + k·(v_leak + r·x)
    exponential  p = e^-k·v + (1 - e^-k)·(v_leak + r·x)       x holds still between two steps
    impulse      p = e^-k·v + (1 - e^-k)·v_leak + k·r·x       x comes all at once, at the end of the step

and alike for the synaptic current of CubaLI and CubaLIF, with w_in·x.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from snndeploy.errors import raise_errors
from snndeploy.frontends.nir.choices import Choices
from snndeploy.frontends.nir.decode import decode
from snndeploy.frontends.nir.graph import NEURONS, Graph, Node
from snndeploy.frontends.nir.nested import PASS, Notes, flatten
from snndeploy.frontends.nir.neurons import compact
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.network import InputKinds, Network
from snndeploy.network.rule import Rule

Scheme = Literal["euler", "exponential", "impulse"]


@dataclass(frozen=True)
class Contract:
    """One reading of NIR. The defaults are the standard reading.

    Attributes:
        dt: seconds per step.
        scheme: how a time constant becomes a decay, see the module.
        synapse: of CubaLI and CubaLIF: the membrane takes the current of this step ("sequential") or of the one
            before ("synchronous").
        reset: a spike sets v to v_reset, or takes the threshold from it.
        when: in the step of the spike ("now"); in the following step, after its input ("next"); "residual": as
            "next", and the stored membrane is corrected, which is what snnTorch does with reset_delay=False.
        comparator: a spike needs p > threshold, or p >= threshold.
        loop: what of a neuron that feeds itself is a step late: its "spike", so that a bias on the way counts from
            step 0, or the "current" behind the way, so that it counts from step 1.
        delays: "a->b": steps that what leaves a takes to b, for loops over several neurons.
        integrators: r of I and IF is per second, as NIR has it, or per step.
        initial: v before the first step: 0, or v_leak where a neuron has one.
    """

    dt: float = 1e-4
    scheme: Scheme = "euler"
    synapse: Literal["sequential", "synchronous"] = "sequential"
    reset: Literal["to-v_reset", "by-threshold"] = "to-v_reset"
    when: Literal["now", "next", "residual"] = "now"
    comparator: Literal[">", ">="] = ">"
    loop: Literal["spike", "current"] = "spike"
    delays: Mapping[str, int] = field(default_factory=dict)
    integrators: Literal["per-second", "per-step"] = "per-second"
    initial: Literal["zero", "v_leak"] = "zero"

    @property
    def reading(self) -> str:
        """ "standard", or what differs from it, as in "subtract-next-ge"."""
        words = [
            WORDS[each.name][getattr(self, each.name)]
            for each in fields(self)
            if each.name in WORDS and getattr(self, each.name) != each.default
        ]
        words += [f"{at.replace('->', '-')}-late" for at in self.delays]
        return "-".join(words) or "standard"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"delays": dict(self.delays)}

    def unusual(self) -> dict[str, Any]:
        """dt, and what else is not as in the standard reading; `Contract(**...)` gives it back."""
        usual = Contract(self.dt).as_dict()
        return {name: value for name, value in self.as_dict().items() if name == "dt" or value != usual[name]}


# what a reading is called where it differs from the standard one
WORDS: dict[str, dict[str, str]] = {
    "scheme": {"exponential": "exponential", "impulse": "impulse"},
    "synapse": {"synchronous": "synchronous"},
    "reset": {"by-threshold": "subtract"},
    "when": {"next": "next", "residual": "residual"},
    "comparator": {">=": "ge"},
    "loop": {"current": "late-current"},
    "integrators": {"per-step": "per-step"},
    "initial": {"v_leak": "from-v_leak"},
}


def network(graph: Graph, contract: Contract, kinds: InputKinds = "binary", where: str = "graph") -> Network:
    """The network that a graph means under a contract.

    Args:
        kinds: of the inputs, or of each by name.

    Raises:
        SnnDeployError SD4xx: the graph is not as it should be; everything at once.
    """
    notes = Notes(where)
    if contract.loop == "current":
        graph = _late_currents(graph, contract.dt, notes)
    reset = contract.reset + ("" if contract.when == "now" else f"-{contract.when}")
    delays = {(a, b): steps for at, steps in contract.delays.items() for a, b in [at.split("->")]}
    # seconds are meant, however long they are
    choices = Choices(contract.dt, reset, delays, kinds, contract.integrators, "s")
    found = decode(graph, choices, notes)
    raise_errors(notes.findings)
    assert found is not None
    nodes = flatten(graph, Notes(where)).nodes
    populations = tuple(
        replace(each, rule=_read(each.rule, nodes[each.name], contract))
        if isinstance(each.rule, Rule) and each.name in nodes and nodes[each.name].type in NEURONS
        else each
        for each in found.populations
    )
    return spec.check(found.with_(populations=populations))


def _read(rule: Rule, node: Node, contract: Contract) -> Rule:
    """The rule of a node, as forward Euler has it, under the rest of the contract."""
    if contract.scheme != "euler" and ("tau" in node.fields or "tau_mem" in node.fields):
        rule = _solved(rule, node, contract)
    if contract.comparator == ">=" and rule.threshold is not None:
        rule = replace(rule, threshold=np.nextafter(rule.threshold, -np.inf))
    if node.type.startswith("Cuba"):
        rule = replace(rule, synapse=contract.synapse)
    if contract.initial == "v_leak" and "v_leak" in node.fields:
        rule = replace(rule, initial=compact(np.asarray(node.fields["v_leak"], np.float64)))
    return rule


def _solved(rule: Rule, node: Node, contract: Contract) -> Rule:
    """The leak solved exactly."""
    p = {name: np.asarray(value, np.float64) for name, value in node.fields.items()}
    cuba = node.type.startswith("Cuba")
    tau = p["tau_mem" if cuba else "tau"]
    beta = np.exp(-contract.dt / tau)
    alpha, gain = np.zeros_like(beta), _rate(tau, contract) * p["r"]
    if cuba:
        alpha, gain = np.exp(-contract.dt / p["tau_syn"]), gain * synaptic(node, contract)
    receptors = tuple(replace(each, alpha=compact(alpha), gain=compact(gain)) for each in rule.receptors)
    return replace(rule, beta=compact(beta), bias=compact((1 - beta) * p["v_leak"]), receptors=receptors)


def synaptic(node: Node, contract: Contract) -> Array:
    """NIR's synaptic current is this number times u of the network: u sums what arrives as it is."""
    tau, w_in = np.asarray(node.fields["tau_syn"], np.float64), np.asarray(node.fields.get("w_in", 1.0), np.float64)
    return np.asarray(_rate(tau, contract) * w_in)


def _rate(tau: Array, contract: Contract) -> Array:
    """What a unit of input adds."""
    k = contract.dt / tau
    return np.asarray(1 - np.exp(-k) if contract.scheme == "exponential" else k)


def _late_currents(graph: Graph, dt: float, notes: Notes) -> Graph:
    """The graph, flat, with a Delay of a step behind every linear way from a neuron to itself."""
    flat = flatten(graph, notes)
    # what hands on is written as an Output in the middle, which is read as that
    nodes = {name: Node("Output", n.fields) if n.type == PASS else n for name, n in flat.nodes.items()}
    linear = {name for name, node in flat.nodes.items() if node.type not in NEURONS}
    after: dict[str, list[str]] = {}
    for a, b in flat.edges:
        after.setdefault(a, []).append(b)
    edges = []
    for a, b in flat.edges:
        if b in linear or a not in linear or a not in _ahead(b, after, linear):
            edges.append((a, b))
            continue
        late, shape = f"{a}->{b}", np.asarray(next(iter(flat.nodes[b].fields.values()))).shape
        nodes[late] = Node("Delay", {"delay": np.full(shape, dt)})
        edges += [(a, late), (late, b)]
    return Graph(nodes, tuple(edges))


def _ahead(start: str, after: Mapping[str, list[str]], linear: set[str]) -> set[str]:
    """Linear nodes that what leaves `start` reaches without passing a neuron."""
    found: set[str] = set()
    waiting = [name for name in after.get(start, ()) if name in linear]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [each for each in after.get(name, ()) if each in linear]
    return found
