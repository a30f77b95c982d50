"""A NIR backend that shares no code with snndeploy: node by node, as NIR's documentation has it, float64.

`Literal()` follows the contract of a vector; `Literal(fault="...")` does one thing wrong, as real backends do.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import nir
import numpy as np
import torch
from torch.nn import functional

from snndeploy.conform.suite import Answer

NEURONS = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF, nir.Threshold)


class Literal:
    def __init__(self, fault: str = ""):
        self.fault = fault

    def run(self, graph: Any, input: Any, dt: float, contract: Any = None) -> Answer:
        nodes, edges = flat(graph)
        given = (
            input
            if isinstance(input, dict)
            else {next(n for n, x in graph.nodes.items() if isinstance(x, nir.Input)): input}
        )
        samples = [given]
        if self.fault == "samples share a state":
            samples = [
                {n: x[:, b : b + 1] for n, x in given.items()} for b in range(next(iter(given.values())).shape[1])
            ]
        states: dict[str, Any] = {}
        parts = []
        for each in samples:
            one = Run(self.fault, nodes, edges, dt, contract, each, states)
            parts.append(one.all())
            states = one.state if self.fault == "samples share a state" else {}
        return Answer(*({n: np.concatenate([p[k][n] for p in parts], 1) for n in parts[0][k]} for k in range(3)))


def flat(graph: Any, prefix: str = "") -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Nodes by name and edges, subgraphs opened; an Input or Output inside hands on."""
    nodes: dict[str, Any] = {}
    edges = []
    ends = {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            inner, more = flat(node, f"{prefix}{name}.")
            nodes |= inner
            edges += more
            first = next(n for n, x in node.nodes.items() if isinstance(x, nir.Input))
            last = next(n for n, x in node.nodes.items() if isinstance(x, nir.Output))
            ends[name] = (f"{prefix}{name}.{first}", f"{prefix}{name}.{last}")
        else:
            nodes[prefix + name] = node
    for a, b in graph.edges:
        edges.append((ends[a][1] if a in ends else prefix + a, ends[b][0] if b in ends else prefix + b))
    return nodes, edges


class Run:
    """One run over all steps."""

    def __init__(self, fault: str, nodes: Any, edges: Any, dt: float, contract: Any, given: Any, states: Any):
        self.fault, self.nodes, self.dt, self.contract, self.given = fault, nodes, dt, contract, given
        self.before: dict[str, list[str]] = defaultdict(list)
        for a, b in edges:
            self.before[b].append(a)
        if fault == "the last edge wins":
            self.before = {b: ways[-1:] for b, ways in self.before.items()}
        self.past: dict[str, list[Any]] = defaultdict(list)
        self.state = dict(states)
        self.v: dict[str, list[Any]] = defaultdict(list)
        self.i: dict[str, list[Any]] = defaultdict(list)
        self.steps = len(next(iter(given.values())))
        self.batch = next(iter(given.values())).shape[1]

    def all(self) -> tuple[Any, Any, Any]:
        shown: dict[str, list[Any]] = defaultdict(list)
        ends = [n for n, x in self.nodes.items() if isinstance(x, nir.Output) and not self.feeds(n)]
        for t in range(self.steps):
            self.t, self.now = t, {}
            for name in ends:
                shown[name].append(self.arriving(name, name))
            for name, node in self.nodes.items():
                if isinstance(node, NEURONS):
                    self.neuron(name)
            for name, node in self.nodes.items():
                if isinstance(node, NEURONS):
                    self.past[name].append(self.now[name])
            for name, node in self.nodes.items():
                if isinstance(node, nir.Delay):
                    self.past[name].append(self.arriving(name, name))
            for a, b in self.late:
                self.past[f"{a}->{b}"].append(self.leaving(a, b))
        return tuple({n: np.stack(rows) for n, rows in held.items()} for held in (shown, self.v, self.i))  # type: ignore[return-value]

    def feeds(self, name: str) -> bool:
        return any(name in ways for ways in self.before.values())

    @property
    def late(self) -> list[tuple[str, str]]:
        """Edges whose current is a step late, in the reading that has a loop's current late."""
        if self.contract is None or self.contract.loop != "current":
            return []
        linear = [(a, b) for b in self.before for a in self.before[b] if not isinstance(self.nodes[a], NEURONS)]
        return [(a, b) for a, b in linear if isinstance(self.nodes[b], NEURONS) and b in self.sources(a)]

    def sources(self, name: str) -> set[str]:
        """Neurons from which linear ways lead to a node."""
        if isinstance(self.nodes[name], NEURONS):
            return {name}
        return {s for a in self.before[name] for s in self.sources(a)}

    def arriving(self, name: str, target: str) -> Any:
        parts = [self.leaving(a, target) for a in self.before[name] if (a, target) not in self.late]
        for a in self.before[name]:
            if (a, target) in self.late:
                held = self.past[f"{a}->{target}"]
                parts.append(held[-1] if held else np.zeros(()))
        return sum(parts[1:], parts[0])

    def leaving(self, name: str, target: str) -> Any:
        """What leaves a node in this step, as the neuron `target` sees it."""
        node = self.nodes[name]
        if isinstance(node, nir.Input) and name in self.given:
            return np.asarray(self.given[name][self.t], np.float64)
        if isinstance(node, NEURONS):
            steps = self.contract.delays.get(f"{name}->{target}", 0) if self.contract else 0
            own = target == name and not self.now.get(f"delayed {name}")
            steps = steps or (1 if own else 0)
            if own and self.fault == "a loop takes two steps":
                steps = 2
            if not isinstance(node, nir.Threshold) and self.fault == "a step per layer" and not steps:
                steps = 1
            held = self.past[name]
            if not steps or (name, target) in self.late or self.replaying(name, target):
                return self.neuron(name)
            return held[self.t - steps] if self.t >= steps else np.zeros((self.batch, *shape(node)))
        if isinstance(node, nir.Delay):
            return self.delayed(name, node)
        if self.fault == "a loop's bias is missing in step 0" and self.t == 0 and target in self.sources(name):
            return np.zeros((self.batch, *shape(self.nodes[target])))
        return self.linear(node, self.arriving(name, target))

    def replaying(self, name: str, target: str) -> bool:
        """At the end of a step, what a late way will carry: this step's spikes."""
        return name in self.now and any(b == target == name for _, b in self.late)

    def delayed(self, name: str, node: Any) -> Any:
        late = np.rint(node.delay / self.dt).astype(int)
        if self.fault == "delays are a step short":
            late = np.maximum(late - 1, 0)
        if self.fault == "delays do nothing":
            late = late * 0
        if not late.any():
            return self.arriving(name, name)
        found = np.zeros((self.batch, *late.shape))
        for at in np.ndindex(late.shape):
            back = self.t - late[at]
            if late[at] == 0:
                found[(slice(None), *at)] = self.arriving(name, name)[(slice(None), *at)]
            elif back >= 0:
                found[(slice(None), *at)] = self.past[name][back][(slice(None), *at)]
        return found

    def linear(self, node: Any, x: Any) -> Any:
        fault = self.fault
        match node:
            case nir.Affine() | nir.Linear():
                weight = node.weight
                if fault == "square weights are transposed" and weight.shape[0] == weight.shape[1]:
                    weight = weight.T
                bias = getattr(node, "bias", 0.0)
                return x @ weight.T + (0.0 if fault == "biases are dropped" else bias)
            case nir.Scale():
                return x * (node.scale.flat[0] if fault == "one parameter for all" else node.scale)
            case nir.Flatten():
                axes = range(x.ndim - 1)
                start, end = axes[int(node.start_dim)], axes[int(node.end_dim)]
                head, tail = x.shape[1 : 1 + start], x.shape[2 + end :]
                if fault == "flatten takes the last axis first":
                    x = np.moveaxis(x, -1, 1 + start)
                return x.reshape(len(x), *head, -1, *tail)
            case nir.Conv1d() | nir.Conv2d():
                return self.conv(node, x)
            case nir.SumPool2d() | nir.AvgPool2d():
                average = isinstance(node, nir.AvgPool2d)
                kernel, stride, padding = (
                    tuple(int(n) for n in getattr(node, f)) for f in ("kernel_size", "stride", "padding")
                )
                if fault == "the stride of a pool is its kernel":
                    stride = kernel
                counts = fault != "an average leaves out the padding"
                y = functional.avg_pool2d(
                    torch.from_numpy(x), kernel, stride, padding, count_include_pad=counts
                ).numpy()
                return y if average else y * np.prod(kernel)
        return x

    def conv(self, node: Any, x: Any) -> Any:
        def steps(value: Any) -> Any:
            return value if isinstance(value, str) else tuple(int(n) for n in np.ravel(value))

        weight, bias = torch.tensor(node.weight), torch.tensor(node.bias)
        settings = {f: steps(getattr(node, f)) for f in ("stride", "padding", "dilation")}
        settings["groups"] = int(node.groups)
        if self.fault == "kernels are flipped":
            weight = weight.flip(*range(2, weight.ndim))
        if self.fault == "biases are dropped":
            bias = bias * 0
        run = functional.conv1d if weight.ndim == 3 else functional.conv2d
        return run(torch.from_numpy(x), weight, bias, **settings).numpy()

    def neuron(self, name: str) -> Any:
        if name in self.now:
            return self.now[name]
        node, fault = self.nodes[name], self.fault
        how = self.contract
        x = self.arriving(name, name)
        above = (
            np.greater_equal
            if (how and how.comparator == ">=") != (fault == "a spike at the threshold")
            else np.greater
        )
        if isinstance(node, nir.Threshold):
            self.now[name] = above(x, node.threshold).astype(float)
            return self.now[name]
        p = {f: np.asarray(x, float) for f, x in vars(node).items() if isinstance(x, np.ndarray)}
        if fault == "one parameter for all":
            p = {f: np.full_like(x, x.flat[0]) for f, x in p.items()}
        for each in ("r", "w_in"):
            if fault == f"{each} is ignored" and each in p:
                p[each] = np.ones_like(p[each])
        for each in ("v_leak", "v_reset"):
            if fault == f"{each} is ignored" and each in p:
                p[each] = np.zeros_like(p[each])
        dt = 1e-4 if fault == "dt is 1e-4" else self.dt
        exponential = (how and how.scheme == "exponential") != (fault == "decays are e^(-dt/tau)")

        def rate(tau: Any) -> Any:
            return 1 - np.exp(-dt / tau) if exponential else dt / tau

        if how and how.scheme == "impulse":
            return self.impulse(name, node, p, x, above)

        start = p["v_leak"] if how and how.initial == "v_leak" and "v_leak" in p else 0.0
        v, i = self.state.get(name) or (
            np.zeros((self.batch, *shape(node))) + start,
            np.zeros((self.batch, *shape(node))),
        )
        if "tau_syn" in p:
            old, k = i, rate(p["tau_syn"])
            i = i + k * (p["w_in"] * x - i)
            x = old if (how and how.synapse == "synchronous") != (fault == "the synapse is a step late") else i
        if "tau" in p or "tau_mem" in p:
            q = v + rate(p["tau"] if "tau" in p else p["tau_mem"]) * (p["v_leak"] - v + p["r"] * x)
        else:
            q = v + p["r"] * x * (1.0 if how and how.integrators == "per-step" else dt)
        s = np.zeros_like(q)
        if "v_threshold" in p:
            q, s, i = self.fire(p, v, q, i, above)
        self.state[name] = (q, i)
        self.v[name].append(q)
        if "tau_syn" in p:
            self.i[name].append(i)
        self.now[name] = s if "v_threshold" in p else q
        return self.now[name]

    def impulse(self, name: str, node: Any, p: Any, x: Any, above: Any) -> Any:
        """A LIF whose input comes at the end of a step, without v_leak."""
        v, _ = self.state.get(name) or (np.zeros((self.batch, *shape(node))), None)
        q = v * np.exp(-self.dt / p["tau"]) + self.dt / p["tau"] * p["r"] * x
        q, s, _ = self.fire(p, v, q, 0.0, above)
        self.state[name] = (q, 0.0)
        self.v[name].append(q)
        self.now[name] = s
        return s

    def fire(self, p: Any, v: Any, q: Any, i: Any, above: Any) -> tuple[Any, Any, Any]:
        how, fault, theta = self.contract, self.fault, p["v_threshold"]
        subtract = (how is not None and how.reset == "by-threshold") != (fault == "a spike subtracts")
        when = how.when if how else "now"
        if fault == "the reset is a step late":
            when = "next"

        def reset(y: Any) -> Any:
            return y - theta if subtract else p["v_reset"] + 0 * y

        pending = above(v, theta)
        if when in ("next", "residual"):
            q = np.where(pending, reset(q), q)
        s = above(q, theta)
        if when == "now":
            q = np.where(s, reset(q), q)
            if fault == "a spike resets the current too":
                i = np.where(s, 0.0, i)
        if when == "residual":
            q = q - (s.astype(float) - pending) * (q - reset(q))
        return q, s.astype(float), i


def shape(node: Any) -> tuple[int, ...]:
    return next(np.shape(x) for x in vars(node).values() if isinstance(x, np.ndarray))
