"""Engines of snndeploy: the graph is read under the contract, and the network runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from snndeploy import engines
from snndeploy.conform.suite.contract import Contract
from snndeploy.conform.suite.expected import meant, recorded
from snndeploy.conform.suite.plain import named, plain
from snndeploy.conform.suite.verdict import Answer
from snndeploy.engines import Trace
from snndeploy.network.network import Network
from snndeploy.network.rule import Rule


class Engine:
    """An adapter for one engine; `single`: it computes in float32."""

    def __init__(self, name: str, single: bool = False, **options: Any):
        self.name, self.single, self.options = name, single, options

    def run(self, graph: Any, input: Any, dt: float, contract: Contract | None = None) -> Answer:
        """Spikes, membranes and currents of a network; raises what the engine refuses."""
        contract, held = contract or Contract(dt), plain(graph)
        inputs = named(held, input)
        network = meant(held, contract, inputs)
        if self.single and contract.comparator == ">=":
            network = _below(network)
        return _answer(held, contract, self.trace(network, inputs))

    def trace(self, network: Any, inputs: Any) -> Trace:
        return engines.run(network, inputs, self.name, ("spikes", "u", "v"), **self.options)


class Fixed(Engine):
    """An engine on the integers of a chip; what is scaled is scaled back."""

    def trace(self, network: Any, inputs: Any) -> Trace:
        from snndeploy import targets
        from snndeploy.quantize import quantize

        integer = quantize(network, targets.load("loihi2"), inputs)
        return engines.run(integer, inputs, self.name, ("spikes",), **self.options)


def _below(network: Network) -> Network:
    """p >= threshold is p > the next float below it, which in float32 is another one."""
    populations = []
    for each in network.populations:
        rule = each.rule
        if isinstance(rule, Rule) and rule.threshold is not None:
            lower = np.nextafter(np.asarray(rule.threshold).astype(np.float32), np.float32(-np.inf))
            each = replace(each, rule=replace(rule, threshold=lower.astype(np.float64)))
        populations.append(each)
    return network.with_(populations=tuple(populations))


def _answer(graph: Any, contract: Contract, trace: Trace) -> Answer:
    found = recorded(graph, contract, trace)
    return Answer(found.outputs, found.v, found.i, trace.notes)


reference = Engine("reference")
torch = Engine("torch", dtype="float64")
onnx = Engine("onnx", dtype="float64")
snntorch = Engine("snntorch", single=True)
norse = Engine("norse", single=True)
lava = Engine("lava")
lava_fixed = Fixed("lava")
